#include "dist/gloo_group.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "dist/device_group.h"
#include "dist/rank_sum.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

// Up to this size one exchange of everything is faster than two of parts: a message's way takes
// longer than its bytes.
constexpr size_t kAtOnceBytes = 16 << 10;

// FNV-1a: what ranks in different operations do not share.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ uint8_t(c)) * 0x100000001b3;
  return hash;
}

size_t bytes_of(Elements values) { return size_t(values.count) * size_of(values.dtype); }

RangeByRank everywhere(int ranks, size_t bytes) { return RangeByRank(size_t(ranks), {0, bytes}); }

std::byte* at(void* data, size_t offset) { return static_cast<std::byte*>(data) + offset; }

}  // namespace

GlooGroup::GlooGroup(std::shared_ptr<const GlooTransport> transport, std::string name, int first,
                     int rank, int size)
    : transport_(std::move(transport)),
      mesh_(std::make_unique<GlooMesh>(transport_, rank, size)),
      name_(std::move(name)),
      first_(first) {}

std::shared_ptr<ProcessGroup> GlooGroup::world(std::shared_ptr<const GlooTransport> transport) {
  ControlConnection& control = *transport->control;
  const std::shared_ptr<GlooGroup> group(
      new GlooGroup(std::move(transport), "all", 0, control.rank(), control.size()));
  const auto addresses = control.exchange(group->mesh_->addresses());
  group->connect(addresses);
  return group;
}

template <class Act>
void GlooGroup::operation(const std::string& text, const Act& act, bool patient) {
  ControlConnection& control = *transport_->control;
  const Progress progress{first_, size(), ++number_, text, true, patient};
  slot_ = hash_of(text_of(progress));
  const ControlConnection::Operation running(control, name_, progress);
  try {
    act();
  } catch (const GlooMesh::Broken& broken) {
    throw_verdict(control, progress, cat("lost the connection to another rank: ", broken.reason));
  }
}

uint64_t GlooGroup::next_slot() { return slot_++; }

std::byte* GlooGroup::scratch(size_t bytes) {
  if (bytes > scratch_bytes_) {
    scratch_.reset();
    scratch_.reset(new std::byte[bytes]);  // not filled: it is written before it is read
    scratch_bytes_ = bytes;
  }
  return scratch_.get();
}

// Parts of a length that differs by one element at most.
RangeByRank GlooGroup::parts(int64_t count, size_t element_bytes) const {
  RangeByRank ranges;
  for (int r = 0; r < size(); ++r) {
    const int64_t begin = count * r / size(), end = count * (r + 1) / size();
    ranges.push_back({size_t(begin) * element_bytes, size_t(end - begin) * element_bytes});
  }
  return ranges;
}

// This rank's part becomes the sum over all ranks.
void GlooGroup::reduce_parts(Elements values, const RangeByRank& parts) {
  const ByteRange mine = parts[size_t(rank())];
  std::byte* const theirs = scratch(mine.count * size_t(size()));
  RangeByRank in;
  std::vector<const void*> by_rank;
  for (int r = 0; r < size(); ++r) {
    in.push_back({mine.count * size_t(r), mine.count});
    by_rank.push_back(r == rank() ? at(values.data, mine.offset) : theirs + in.back().offset);
  }
  mesh_->transfer(next_slot(), values.data, parts, theirs, in);
  add_in_pairs(by_rank, at(values.data, mine.offset), int64_t(mine.count / size_of(values.dtype)),
               values.dtype);
}

void GlooGroup::gather_parts(void* data, const RangeByRank& parts) {
  mesh_->transfer(next_slot(), data, RangeByRank(size_t(size()), parts[size_t(rank())]), data,
                  parts);
}

void GlooGroup::reduce_at_once(Elements values) {
  const size_t bytes = bytes_of(values);
  std::byte* const theirs = scratch(bytes * size_t(size()));
  RangeByRank in;
  std::vector<const void*> by_rank;
  for (int r = 0; r < size(); ++r) {
    in.push_back({bytes * size_t(r), bytes});
    by_rank.push_back(r == rank() ? values.data : theirs + in.back().offset);
  }
  mesh_->transfer(next_slot(), values.data, everywhere(size(), bytes), theirs, in);
  add_in_pairs(by_rank, values.data, values.count, values.dtype);
}

void GlooGroup::all_reduce(Elements values) {
  check_summable(values.dtype);
  operation(text_of("all_reduce", values), [&] {
    if (bytes_of(values) <= kAtOnceBytes) return reduce_at_once(values);
    const RangeByRank ranges = parts(values.count, size_of(values.dtype));
    reduce_parts(values, ranges);
    gather_parts(values.data, ranges);
  });
}

void GlooGroup::reduce_scatter(Elements values) {
  check_summable(values.dtype);
  check_divides(values.count, size(), "parts of reduce_scatter");
  operation(text_of("reduce_scatter", values),
            [&] { reduce_parts(values, parts(values.count, size_of(values.dtype))); });
}

void GlooGroup::all_gather(Elements values, std::span<const int64_t> counts) {
  check_parts(values.count, counts, size());
  std::string text = text_of("all_gather", values);
  RangeByRank ranges;
  size_t offset = 0;
  for (const int64_t count : counts) {
    ranges.push_back({offset, size_t(count) * size_of(values.dtype)});
    offset += ranges.back().count;
  }
  if (std::any_of(counts.begin(), counts.end(), [&](int64_t c) { return c != counts[0]; })) {
    text += " in parts of";
    for (const int64_t count : counts) text += cat(" ", count);
  }
  operation(text, [&] { gather_parts(values.data, ranges); });
}

void GlooGroup::broadcast(Elements values, int root) {
  check_root(root, size());
  const size_t bytes = bytes_of(values);
  operation(cat(text_of("broadcast", values), " from rank ", root), [&] {
    // Large arrays: each rank gets a part, and gives it to the others.
    const bool at_once = bytes <= kAtOnceBytes || size() == 2;
    const auto none = RangeByRank(size_t(size()));
    const auto ranges =
        at_once ? everywhere(size(), bytes) : parts(values.count, size_of(values.dtype));
    RangeByRank in = none;
    if (rank() != root) in[size_t(root)] = ranges[size_t(rank())];
    mesh_->transfer(next_slot(), values.data, rank() == root ? ranges : none, values.data, in);
    if (!at_once) gather_parts(values.data, ranges);
  });
}

void GlooGroup::barrier() {
  operation("barrier", [&] { meet(); });
}

void GlooGroup::await_all() {
  operation(
      "await_all", [&] { meet(); }, true);
}

void GlooGroup::meet() {
  std::byte bytes[2]{};
  mesh_->transfer(next_slot(), bytes, everywhere(size(), 1), bytes,
                  RangeByRank(size_t(size()), {1, 1}));
}

// Nobody may leave before all others are through: they would find their connections closed.
void GlooGroup::connect(const std::vector<std::string>& addresses) {
  operation("connecting", [&] {
    mesh_->connect(addresses);
    meet();
  });
}

void GlooGroup::fail(const std::string& reason) { transport_->control->fail(reason); }

std::shared_ptr<ProcessGroup> GlooGroup::consecutive(int ranks) { return part(ranks); }

std::shared_ptr<ProcessGroup> GlooGroup::on_device(int device) {
  const auto host = part(size());
  return device_group({.host = host,
                       .control = transport_->control,
                       .name = cat(host->name_, ".device"),
                       .first = first_,
                       .device = device});
}

std::shared_ptr<GlooGroup> GlooGroup::part(int ranks) {
  check_divides(size(), ranks, "ranks of a group");
  ++cuts_;
  const int first = rank() / ranks * ranks;
  std::shared_ptr<GlooGroup> part(new GlooGroup(transport_, cat(name_, ".", cuts_, ".", first),
                                                first_ + first, rank() - first, ranks));
  // Every rank gives its addresses, in the order of the part's ranks.
  const auto& mine = part->mesh_->addresses();
  const size_t length = mine[0].size();
  std::string all(length * size_t(ranks) * size_t(size()), '\0');
  const auto place = [&](int of, int by) {
    return length * (size_t(by) * size_t(ranks) + size_t(of));
  };
  for (int r = 0; r < ranks; ++r)
    std::memcpy(&all[place(r, rank())], mine[size_t(r)].data(), length);
  ProcessGroup::all_gather({all.data(), int64_t(all.size()), DType::u8});
  std::vector<std::string> addresses;
  for (int r = 0; r < ranks; ++r)
    addresses.push_back(all.substr(place(part->rank(), first + r), length));
  part->connect(addresses);
  return part;
}

}  // namespace sf
