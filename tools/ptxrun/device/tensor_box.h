// Performs bulk copies: walks the box of a tensor map, moves or adds bytes.
#pragma once

#include "device/async_state.h"

namespace ptxrun {

constexpr u32 kChunk = 16;  // the unit of swizzling

PTXRUN_INLINE u32 box_steps(const TensorMap& map, int i) {
  return (map.box[i] + map.element_stride[i] - 1) / map.element_stride[i];
}
PTXRUN_INLINE u32 tensor_box_bytes(const TensorMap& map) {
  const u32 row = (u32)map.box[0] * map.element_size;
  if (map.is_im2col) return row * map.box[1];
  u32 bytes = row;
  for (int i = 1; i < map.rank; ++i) bytes *= box_steps(map, i);
  return bytes;
}

PTXRUN_INLINE bool outside(const TensorMap& map, int i, s64 at) {
  return at < 0 || at >= (s64)map.extent[i];
}

// Calls f(shared address, global address, bytes, inside the tensor?) for the pieces of one row of
// the box, which starts at element c[0] of dimension 0.
template <class F>
static void for_each_piece_of_row(const BulkCopy& o, u32 row, const s64* c, bool inside, F f) {
  const TensorMap& map = o.map;
  const u32 size = map.element_size, row_bytes = map.box[0] * size, per_chunk = kChunk / size;
  const s64 extent = map.extent[0];
  u64 line = map.base;
  for (int i = 1; i < map.rank; ++i) line += (u64)(c[i] * (s64)map.stride[i - 1]);
  for (u32 byte = 0; byte < row_bytes; byte += kChunk) {
    const u32 shared = swizzle(o.shared + row * row_bytes + byte, map.swizzle);
    const s64 first = c[0] + byte / size;
    const u64 global = line + (u64)(first * size);
    if (!inside || first + (s64)per_chunk <= 0 || first >= extent)
      f(shared, global, kChunk, false);
    else if (first >= 0 && first + (s64)per_chunk <= extent)
      f(shared, global, kChunk, true);
    else  // across an edge
      for (u32 j = 0; j < per_chunk; ++j)
        f(shared + j * size, global + j * size, size, !outside(map, 0, first + j));
  }
}

template <class F>
static void for_each_piece_of_tile(const BulkCopy& o, F f) {
  const TensorMap& map = o.map;
  u32 steps[5] = {1, 1, 1, 1, 1}, k[5] = {}, row = 0;
  for (int i = 1; i < map.rank; ++i) steps[i] = box_steps(map, i);
  for (k[4] = 0; k[4] < steps[4]; ++k[4])
    for (k[3] = 0; k[3] < steps[3]; ++k[3])
      for (k[2] = 0; k[2] < steps[2]; ++k[2])
        for (k[1] = 0; k[1] < steps[1]; ++k[1]) {
          s64 c[5] = {o.coordinate[0]};
          bool inside = true;
          for (int i = 1; i < map.rank; ++i) {
            c[i] = (s64)o.coordinate[i] + (s64)k[i] * map.element_stride[i];
            inside &= !outside(map, i, c[i]);
          }
          for_each_piece_of_row(o, row++, c, inside, f);
        }
}

// The base pixel walks W, then H, then D inside the bounding box [low, extent - 1 + high], then N;
// the taps are added to it.
template <class F>
static void for_each_piece_of_im2col(const BulkCopy& o, F f) {
  const TensorMap& map = o.map;
  const int spatial = map.rank - 2;
  s64 base[5];
  for (int i = 0; i < 5; ++i) base[i] = o.coordinate[i];
  for (u32 pixel = 0; pixel < map.box[1]; ++pixel) {
    s64 c[5] = {base[0]};
    bool inside = true;
    for (int i = 1; i < map.rank; ++i) {
      c[i] = base[i] + (i <= spatial ? (s64)o.tap[i - 1] : 0);
      inside &= !outside(map, i, c[i]);
    }
    for_each_piece_of_row(o, pixel, c, inside, f);
    int i = 1;
    for (; i <= spatial; ++i) {
      base[i] += map.element_stride[i];
      if (base[i] <= (s64)map.extent[i] - 1 + map.high[i - 1]) break;
      base[i] = map.low[i - 1];
    }
    if (i > spatial) ++base[map.rank - 1];
  }
}

// A checked global pointer. Tensor copies may start at any element, others at 16 bytes.
PTXRUN_OUTLINE char* global_of(const BulkCopy& o, u64 address, u32 size, bool is_store) {
  const u32 unit = std::min<u32>(o.is_tensor ? o.map.element_size : 16, size);
  auto at = [&](u64 a) { return global_at(o.warp, o.lane, o.line, a, unit, is_store); };
  char* p = at(address);
  return p != g_sink && size > unit && at(address + size - unit) == g_sink ? g_sink : p;
}

template <class T, class Add>
static void add_each(char* to, const u8* from, u32 size, Add add) {
  for (u32 i = 0; i < size; i += sizeof(T)) {
    const T term = load<T>((const char*)from + i);
    atomic_update<T>(to + i, [&](T old) { return add(old, term); });
  }
}

PTXRUN_OUTLINE void add_piece(Reduction reduction, char* to, const u8* from, u32 size) {
  switch (reduction) {
    case kAddF32:
      return add_each<u32>(to, from, size,
                           [](u32 a, u32 b) { return f32_bits(to_f32(a) + to_f32(b)); });
    case kAddF16:
      return add_each<u16>(to, from, size,
                           [](u16 a, u16 b) { return f16_bits(to_f16(a) + to_f16(b)); });
    case kAddBF16:
      return add_each<u16>(to, from, size,
                           [](u16 a, u16 b) { return bf16_bits(bf16_to_f32(a) + bf16_to_f32(b)); });
    case kAddU32: return add_each<u32>(to, from, size, [](u32 a, u32 b) { return a + b; });
    default: return add_each<u64>(to, from, size, [](u64 a, u64 b) { return a + b; });
  }
}

PTXRUN_OUTLINE void move_piece(const BulkCopy& o, u32 shared, u64 global, u32 size, bool inside) {
  char* at = o.warp->cta->shared + shared;
  if (o.kind == kGlobalToShared) {
    if (inside)
      memcpy(at, global_of(o, global, size, false), size);
    else
      memset(at, o.is_tensor && o.map.fill_nan ? 0xff : 0, size);
    return;
  }
  if (!inside) return;
  const u8* from = o.read.data() + (shared - o.shared);
  char* to = global_of(o, global, size, true);
  if (o.reduction == kCopy)
    memcpy(to, from, size);
  else
    add_piece(o.reduction, to, from, size);
}

PTXRUN_OUTLINE void perform(const BulkCopy& o) {
  auto move = [&](u32 shared, u64 global, u32 size, bool inside) {
    move_piece(o, shared, global, size, inside);
  };
  char* shared = o.warp->cta->shared;
  if (o.kind == kSharedToShared)
    memmove(shared + o.shared, shared + (u32)o.other, o.size);
  else if (!o.is_tensor)
    for (u32 i = 0; i < o.size; i += 16) move(o.shared + i, o.other + i, 16, true);
  else if (o.map.is_im2col)
    for_each_piece_of_im2col(o, move);
  else
    for_each_piece_of_tile(o, move);
}

}  // namespace ptxrun
