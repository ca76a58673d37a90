// Hands out offsets of a growing arena, best fit first; no memory is touched.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>

namespace sf {

class ArenaAllocator {
 public:
  explicit ArenaAllocator(size_t alignment) : alignment_(alignment) {}

  // The smallest hole that fits, else the end of the arena, of which a trailing hole is used too.
  size_t take(size_t bytes) {
    bytes = padded(bytes);
    auto best = holes_.end();
    for (auto hole = holes_.begin(); hole != holes_.end(); ++hole)
      if (hole->second >= bytes && (best == holes_.end() || hole->second < best->second))
        best = hole;
    size_t at = top_;
    if (best != holes_.end()) {
      at = best->first;
    } else if (!holes_.empty() && end_of(*holes_.rbegin()) == top_) {
      best = std::prev(holes_.end());
      at = best->first;
    }
    if (best != holes_.end()) {
      const size_t left = best->second > bytes ? best->second - bytes : 0;
      holes_.erase(best);
      if (left > 0) holes_[at + bytes] = left;
    }
    top_ = std::max(top_, at + bytes);
    return at;
  }

  void give(size_t at, size_t bytes) {
    auto hole = holes_.emplace(at, padded(bytes)).first;
    if (auto next = std::next(hole); next != holes_.end() && end_of(*hole) == next->first) {
      hole->second += next->second;
      holes_.erase(next);
    }
    if (hole == holes_.begin()) return;
    if (auto previous = std::prev(hole); end_of(*previous) == hole->first) {
      previous->second += hole->second;
      holes_.erase(hole);
    }
  }

  size_t bytes() const { return top_; }

 private:
  size_t padded(size_t bytes) const { return (bytes + alignment_ - 1) / alignment_ * alignment_; }
  static size_t end_of(const std::pair<const size_t, size_t>& hole) {
    return hole.first + hole.second;
  }

  size_t alignment_;
  size_t top_ = 0;
  std::map<size_t, size_t> holes_;  // offset to size, never adjacent
};

}  // namespace sf
