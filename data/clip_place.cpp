#include "data/clip_place.h"

#include <algorithm>
#include <numeric>

#include "data/temporal_sampling.h"

namespace sf {

FramePositions::FramePositions(std::span<const int64_t> clip) : positions(clip.size()) {
  std::iota(positions.begin(), positions.end(), size_t(0));
  std::ranges::stable_sort(positions, {}, [&](size_t t) { return clip[t]; });
  for (size_t t : positions) frames.push_back(clip[t]);
}

void copy_slow_frames(const ClipView& clip, int64_t alpha, float* slow, const DeviceQueue& queue) {
  for (int64_t position : slow_indices(clip.frames, alpha)) {
    queue.copy(slow, clip.frame(position), size_t(clip.frame_floats()) * sizeof(float));
    slow += clip.frame_floats();
  }
}

}  // namespace sf
