#include "data/pathways.h"

#include <utility>

#include "data/clip_place.h"
#include "data/temporal_sampling.h"

namespace sf {

std::vector<Tensor> pathways_of(Tensor clip, int64_t alpha, BatchMemory memory,
                                const DeviceQueue& queue) {
  std::vector<Tensor> pathways;
  if (alpha > 0) {
    Shape shape = clip.shape();
    const ClipView view{.data = reinterpret_cast<float*>(clip.data()),
                        .frames = shape[0],
                        .height = int(shape[1]),
                        .width = int(shape[2])};
    shape.set(0, int64_t(slow_indices(shape[0], alpha).size()));
    Tensor slow = memory.tensor({shape, DType::f32});
    copy_slow_frames(view, alpha, reinterpret_cast<float*>(slow.data()), queue);
    pathways.push_back(std::move(slow));
  }
  pathways.push_back(std::move(clip));
  return pathways;
}

}  // namespace sf
