// How the pictures of a clip come to their places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/clip_view.h"
#include "tensor/device_queue.h"

namespace sf {

// Where a clip goes: frames x height x width x 3 floats in memory of one device; slow is null
// without a slow pathway.
struct ClipPlace {
  float* fast = nullptr;
  float* slow = nullptr;
};

// The frames of a clip in the order of its video.
struct FramePositions {
  // `clip`: frame numbers in the order in which the clip shows them.
  explicit FramePositions(std::span<const int64_t> clip);

  // Whether the k-th frame is the one before it.
  bool repeats(size_t k) const { return k > 0 && frames[k] == frames[k - 1]; }

  std::vector<int64_t> frames;    // ascending
  std::vector<size_t> positions;  // of each in the clip
};

// Queues copies of the frames that a pathway takes which is `alpha` times slower than the clip.
void copy_slow_frames(const ClipView& clip, int64_t alpha, float* slow,
                      const DeviceQueue& queue = {});

}  // namespace sf
