// wgmma: each warp of a warpgroup computes its own 16 rows, at the wait. Until then its
// accumulators hold tags, signalling NaNs that name the operation and the register.
#pragma once

#include "device/bulk_copy.h"

namespace ptxrun {

constexpr u32 kFirstTag = 0xff800001u, kTagCount = 0x200000;
PTXRUN_INLINE bool is_tag(u32 x) { return x - kFirstTag < kTagCount; }
PTXRUN_INLINE u32 make_tag(u32 sequence, u32 reg) {
  return kFirstTag + ((sequence & 0x3fff) << 7 | reg);
}
PTXRUN_INLINE bool names(u32 tag, const WgmmaOperation& o) {
  return (o.sequence & 0x3fff) == (tag - kFirstTag) >> 7;
}
PTXRUN_INLINE u32 register_of(u32 tag) { return (tag - kFirstTag) & 127; }

struct MatrixDescriptor {
  u32 start, leading, stride;
  int swizzle;
};
PTXRUN_OUTLINE MatrixDescriptor descriptor(Warp* w, int line, u64 bits) {
  constexpr int kSwizzle[] = {0, 3, 2, 1};
  if (bits >> 49 & 7)
    report(w, 0, line, "wgmma descriptor with a base offset is not supported", bits, 8);
  auto field = [&](int shift) { return (u32)(bits >> shift & 0x3fff) << 4; };
  return {field(0), field(16), field(32), kSwizzle[bits >> 62]};
}

// The shared address of a 16-byte chunk. K-major: chunk `chunk` along k of row `row`; MN-major:
// chunk along m or n of row k = `row`.
PTXRUN_INLINE u32 chunk_address(const MatrixDescriptor& d, bool mn_major, u32 row, u32 chunk) {
  const u32 width = 1u << d.swizzle;  // chunks of a swizzle span
  const u32 in_block = (row & 7) * 16 * width + (row >> 3) * d.stride;
  u32 offset;
  if (d.swizzle)
    offset = mn_major ? in_block + (chunk & (width - 1)) * 16 + (chunk >> d.swizzle) * d.leading
                      : in_block + chunk * 16;
  else
    offset = mn_major ? chunk * d.stride + (row & 7) * 16 + (row >> 3) * d.leading
                      : in_block + chunk * d.leading;
  return swizzle(d.start + offset, d.swizzle);
}

// Calls f(address, row, k) for the chunks of `rows` rows (of A, or columns of B) from first_row.
template <class F>
static void for_each_chunk(const MatrixDescriptor& d, bool mn_major, u32 first_row, u32 rows,
                           u32 depth, u32 element_size, F f) {
  const u32 per_chunk = 16 / element_size;
  if (!mn_major) {
    for (u32 r = 0; r < rows; ++r)
      for (u32 c = 0; c < depth / per_chunk; ++c)
        f(chunk_address(d, false, first_row + r, c), r, c * per_chunk);
  } else {
    for (u32 k = 0; k < depth; ++k)
      for (u32 c = 0; c < rows / per_chunk; ++c)
        f(chunk_address(d, true, k, first_row / per_chunk + c), c * per_chunk, k);
  }
}

PTXRUN_INLINE f64 shared_element(Element type, const char* p) {
  u32 bits = 0;
  memcpy(&bits, p, kElementSize[type]);
  return element_of(type, bits, 0);
}

// Fills out(row, k) from shared memory.
template <class Out>
static void gather(Warp* w, const WgmmaOperation& o, u64 bits, bool mn_major, u32 first_row,
                   u32 rows, Out out) {
  const Element type = o.shape.type;
  const u32 size = kElementSize[type], per_chunk = 16 / size;
  const Cta* c = w->cta;
  for_each_chunk(descriptor(w, o.line, bits), mn_major, first_row, rows, o.shape.depth, size,
                 [&](u32 address, u32 row, u32 k) {
                   if ((u64)address + 16 > c->shared_bytes) return;  // reported at issue
                   for (u32 j = 0; j < per_chunk; ++j)
                     out(mn_major ? row + j : row, mn_major ? k : k + j) =
                         shared_element(type, c->shared + address + j * size);
                 });
}

PTXRUN_INLINE u32 first_row_of(const Warp* w) { return (w->index & 3) * 16; }

// Inputs that are results of earlier operations on the same accumulators.
PTXRUN_OUTLINE void resolve_inputs(const std::vector<WgmmaOperation>& operations,
                                   WgmmaOperation& o) {
  for (u32 i = 0; i < o.shape.registers; ++i) {
    const u32 tag = o.input[i * 32];
    if (!is_tag(tag)) continue;
    for (const auto& earlier : operations)
      if (names(tag, earlier)) {
        if (earlier.done) memcpy(&o.input[i * 32], &earlier.output[register_of(tag) * 32], 128);
        break;
      }
  }
}

PTXRUN_OUTLINE void compute(Warp* w, WgmmaOperation& o) {
  static thread_local f64 a[16][32], b[32][256], sum[16][256];
  const WgmmaShape& s = o.shape;
  if (o.a_in_registers) {
    u32* const registers[] = {o.a[0], o.a[1], o.a[2], o.a[3]};
    spread_rows(s.type, s.depth, registers, a);
  } else {
    gather(w, o, s.a_descriptor, s.transpose_a, first_row_of(w), 16,
           [](u32 row, u32 k) -> f64& { return a[row][k]; });
  }
  gather(w, o, s.b_descriptor, s.transpose_b, 0, s.columns,
         [](u32 column, u32 k) -> f64& { return b[k][column]; });
  if (o.accumulate) resolve_inputs(w->async->wgmma, o);

  // Accumulator x of lane l is at row l/4 (+8), column x/4*8 + l%4*2 (+1).
  const bool packed = s.accumulator_type == kF16;
  const u32 per_lane = s.registers * (packed ? 2 : 1);
  std::vector<u32*> input(s.registers);
  for (u32 i = 0; i < s.registers; ++i) input[i] = &o.input[i * 32];
  auto for_each_accumulator = [&](auto f) {
    for (u32 x = 0; x < per_lane; ++x)
      for (int l = 0; l < 32; ++l)
        f(x, l, sum[(l >> 2) + 8 * (x >> 1 & 1)][(x >> 2) * 8 + (l & 3) * 2 + (x & 1)]);
  };
  for_each_accumulator([&](u32 x, int l, f64& value) {
    value = o.accumulate ? accumulator(s.accumulator_type, input.data(), x, l) : 0.0;
  });
  const f64 sign = s.negate_a != s.negate_b ? -1.0 : 1.0;
  for (int row = 0; row < 16; ++row)
    for (u32 k = 0; k < s.depth; ++k)
      for (u32 n = 0; n < s.columns; ++n) sum[row][n] += sign * a[row][k] * b[k][n];
  o.output.assign(s.registers * 32, 0);
  auto* output = (u32(*)[32])o.output.data();
  for_each_accumulator(
      [&](u32 x, int l, f64& value) { set_accumulator(s.accumulator_type, output, x, l, value); });
  o.done = true;
}

// Reports operands that lie outside shared memory or race with other accesses.
PTXRUN_OUTLINE void check_operand(Warp* w, const WgmmaOperation& o, u64 bits, bool mn_major,
                                  u32 first_row, u32 rows) {
  bool bad = false;
  for_each_chunk(descriptor(w, o.line, bits), mn_major, first_row, rows, o.shape.depth,
                 kElementSize[o.shape.type], [&](u32 address, u32, u32) {
                   if (bad) return;
                   bad = (u64)address + 16 > w->cta->shared_bytes;
                   if (bad)
                     report(w, 0, o.line, "wgmma operand outside shared memory", address, 16);
                   else
                     note_async_access(w, 0, o.line, address, 16, kAsyncRead, true);
                 });
}

PTXRUN_OUTLINE void wgmma_issue(Warp* w, u32 m, int line, const WgmmaShape& shape, u32* const* d,
                                u32* const* a, u32 accumulate) {
  if (m != ~0u) {
    report(w, 0, line, "wgmma with inactive lanes", m, 0);
    return;
  }
  Cta* c = w->cta;
  WarpAsync& async = *w->async;
  c->used_async = true;
  ++c->progress;
  if (c->warp_count % 4)
    report(w, 0, line, "wgmma in a CTA whose warps do not make whole warpgroups", c->warp_count, 0);
  if (!async.fenced) {
    report(w, 0, line, "wgmma.mma_async before any wgmma.fence", 0, 0);
    async.fenced = true;
  }
  if (accumulate && accumulate != ~0u)
    report(w, 0, line, "wgmma scale-d differs between lanes", accumulate, 0);

  WgmmaOperation& o = async.wgmma.emplace_back();
  o.shape = shape;
  o.line = line;
  o.sequence = async.wgmma_sequence++;
  o.group = async.wgmma_group;
  o.a_in_registers = a != nullptr;
  o.accumulate = accumulate != 0;
  o.done = false;
  if (a)
    for (int i = 0; i < 4; ++i) memcpy(o.a[i], a[i], sizeof o.a[i]);
  o.input.resize(shape.registers * 32);
  for (u32 i = 0; i < shape.registers; ++i) {
    memcpy(&o.input[i * 32], d[i], 128);
    std::fill_n(d[i], 32, make_tag(o.sequence, i));
  }
  if (!g_check) return;
  if (!a) check_operand(w, o, shape.a_descriptor, shape.transpose_a, first_row_of(w), 16);
  check_operand(w, o, shape.b_descriptor, shape.transpose_b, 0, shape.columns);
}

// A wgmma is one operation of four warps: it completes only when all have issued it, and then has
// read its operands for all. False: the caller has to let the others run.
PTXRUN_OUTLINE bool wgmma_ready(Warp* w, u32 pending) {
  WarpAsync& async = *w->async;
  if (async.wgmma.empty() || async.wgmma_group <= pending) return true;
  const u32 before = async.wgmma_group - pending;
  bool any = false;
  for (const auto& o : async.wgmma) any |= o.group < before;
  if (!any) return true;
  const u32 first = w->index & ~3u, end = std::min(first + 4, w->cta->warp_count);
  for (u32 i = first; i < end; ++i) {
    const Warp* other = w->cta->warps[i];
    if (other->live && other->async->wgmma_group < before) {
      w->wait_line = async.wgmma[0].line;
      w->wait_address = 0;
      return false;
    }
  }
  for (u32 i = first; i < end; ++i)
    for (auto& o : w->cta->warps[i]->async->wgmma)
      if (o.group < before && !o.done) compute(w->cta->warps[i], o);
  return true;
}

// Puts the results of all but the last `pending` groups where their tags are.
PTXRUN_OUTLINE void wgmma_wait(Warp* w, u32, u32 pending) {
  auto& operations = w->async->wgmma;
  const u32 group = w->async->wgmma_group;
  ++w->cta->progress;
  size_t finished = 0;
  while (finished < operations.size() && operations[finished].group + pending < group &&
         operations[finished].group < group)
    ++finished;
  if (!finished) return;
  for (size_t i = 0; i < finished; ++i)
    if (!operations[i].done) compute(w, operations[i]);
  auto result = [&](u32 tag) -> const u32* {
    for (size_t i = 0; i < finished; ++i)
      if (names(tag, operations[i])) {
        const u32 reg = register_of(tag);
        return reg < operations[i].shape.registers ? &operations[i].output[reg * 32] : nullptr;
      }
    return nullptr;
  };
  auto resolve = [&](u32* lanes) {
    if (!is_tag(lanes[0])) return;
    for (int l = 1; l < 32; ++l)
      if (lanes[l] != lanes[0]) return;
    if (const u32* value = result(lanes[0])) memcpy(lanes, value, 128);
  };
  for (size_t i = finished; i < operations.size(); ++i)
    for (u32 j = 0; j < operations[i].shape.registers; ++j) resolve(&operations[i].input[j * 32]);
  for (u32 i = 0; i < w->tagged_count; ++i) resolve((u32*)((char*)w + w->tagged_registers[i]));
  operations.erase(operations.begin(), operations.begin() + finished);
}

// What lanes leave behind when they exit.
PTXRUN_OUTLINE void async_exit(Warp* w, u32 m) {
  WarpAsync& async = *w->async;
  FOR_ACTIVE {
    if (!async.open[l].empty()) {
      report(w, l, async.open[l][0].line, "thread exits with a bulk store that was never committed",
             0, 0);
      bulk_commit(w, l);
    }
    for (const auto& group : async.groups[l])
      if (!group.has_read && !group.copies.empty()) {
        report(w, l, group.copies[0].line,
               "thread exits before its bulk store has read shared memory (no wait_group)", 0, 0);
        break;
      }
    if (!async.groups[l].empty()) bulk_wait(w, l, 0, false);
  }
  if (async.wgmma.empty()) return;
  report(w, __builtin_ctz(m), async.wgmma[0].line,
         "warp exits with wgmma operations it never waited for", 0, 0);
  async.wgmma.clear();
}

// What a CTA leaves behind.
PTXRUN_OUTLINE void cta_exit(Cta* c) {
  for (const auto& [address, barrier] : c->async->barriers)
    if (!barrier.loads.empty()) {
      const BulkCopy& o = barrier.loads[0];
      report(o.warp, o.lane, o.line, "the CTA ended with an asynchronous load nobody waited for",
             address, 0);
    }
  c->async->barriers.clear();
}

}  // namespace ptxrun
