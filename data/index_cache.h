// The indices of video files that are read again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "data/video_reader.h"

namespace sf {

// Keeps the indices of as many videos as fit in `bytes`; the others are made anew by each reader.
// Any thread.
class IndexCache {
 public:
  explicit IndexCache(size_t bytes) : free_(bytes) {}

  // Null if there is none.
  std::shared_ptr<const VideoIndex> find(int64_t video) const;
  void insert(int64_t video, std::shared_ptr<const VideoIndex> index);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<int64_t, std::shared_ptr<const VideoIndex>> indices_;
  size_t free_;
};

}  // namespace sf
