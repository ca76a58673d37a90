// Hands out offsets of a growing arena, best fit first; no memory is touched.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>

#include "autograd/plan/clock.h"

namespace sf {

class ArenaAllocator {
 public:
  explicit ArenaAllocator(size_t alignment) : alignment_(alignment) {}

  // The smallest hole that fits, else the end of the arena, of which a trailing hole is used too;
  // of the holes that are free at that point.
  size_t take(size_t bytes, const Clock& now = {}) {
    bytes = padded(bytes);
    Run best, last;
    for (auto hole = holes_.begin(); hole != holes_.end();) {
      last = {hole->first, 0};
      for (; hole != holes_.end() && hole->first == last.end() && reached(hole->second.from, now);
           ++hole)
        last.bytes += hole->second.bytes;
      if (last.bytes == 0)
        ++hole;
      else if (last.bytes >= bytes && (best.bytes == 0 || last.bytes < best.bytes))
        best = last;
    }
    if (best.bytes == 0 && last.bytes > 0 && last.end() == top_) best = last;
    const size_t at = best.bytes > 0 ? best.at : top_;
    cut(at, at + bytes);
    top_ = std::max(top_, at + bytes);
    return at;
  }

  // The block is free for what starts when at least all that is done.
  void give(size_t at, size_t bytes, const Clock& from = {}) {
    if (bytes > 0) holes_[at] = {padded(bytes), from};
  }

  size_t bytes() const { return top_; }

 private:
  struct Hole {
    size_t bytes;
    Clock from;
  };
  struct Run {  // of adjacent holes
    size_t at = 0, bytes = 0;
    size_t end() const { return at + bytes; }
  };

  size_t padded(size_t bytes) const { return (bytes + alignment_ - 1) / alignment_ * alignment_; }

  // Takes away holes from the first byte of one on; what is left of the last one stays.
  void cut(size_t begin, size_t end) {
    for (auto hole = holes_.lower_bound(begin); hole != holes_.end() && hole->first < end;) {
      const auto [at, cut] = *hole;
      hole = holes_.erase(hole);
      if (at + cut.bytes > end) holes_[end] = {at + cut.bytes - end, cut.from};
    }
  }

  size_t alignment_;
  size_t top_ = 0;
  std::map<size_t, Hole> holes_;  // by offset
};

}  // namespace sf
