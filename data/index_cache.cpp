#include "data/index_cache.h"

#include <utility>

namespace sf {

std::shared_ptr<const VideoIndex> IndexCache::find(int64_t video) const {
  const std::lock_guard lock(mutex_);
  const auto at = indices_.find(video);
  return at == indices_.end() ? nullptr : at->second;
}

void IndexCache::insert(int64_t video, std::shared_ptr<const VideoIndex> index) {
  const std::lock_guard lock(mutex_);
  const size_t bytes = bytes_of(*index);
  const auto at = indices_.find(video);
  if (at != indices_.end()) {
    free_ += bytes_of(*at->second);
    indices_.erase(at);
  }
  if (bytes > free_) return;
  free_ -= bytes;
  indices_.emplace(video, std::move(index));
}

}  // namespace sf
