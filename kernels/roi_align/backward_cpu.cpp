// Vectors of channels of a pixel of the picture, collected from the bins that sampled it: no two
// threads write to one place, and the sums have one order.
#include <algorithm>

#include "kernels/roi_align/backward.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/roi_align/backward_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/threads.h"
#include "kernels/roi_align/weighted_sum-inl.h"
#include "kernels/roi_align/weights.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

void collect_pixel(const RoiAlignProblem& p, const RoiAlignBackwardArgs& a,
                   const RoiWeights& weights, int64_t pixel) {
  WeightedSum sum(static_cast<const float*>(a.dy), p.y_pitch, p.c,
                  static_cast<float*>(a.dx) + pixel * p.x_pitch);
  for_bins_of_pixel(p, weights, pixel, [&](int64_t bin, float weight) { sum.add(bin, weight); });
  sum.finish();
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(collect_pixel);

bool can_run(const RoiAlignProblem& p) { return p.dtype == DType::f32; }

size_t workspace_bytes(const RoiAlignProblem& p, void*) { return RoiWeights::bytes(p); }

void run(const RoiAlignProblem& p, const RoiAlignBackwardArgs& a, void*, void* workspace, Queue) {
  const RoiWeights weights(p, workspace);
  for (int64_t row = 0; row < RoiWeights::rows(p); ++row)
    weights.fill(p, static_cast<const float*>(a.boxes), row);
  parallel_for(int64_t{p.n} * p.h * p.w, 4, [&](int64_t pixel) {
    HWY_DYNAMIC_DISPATCH(collect_pixel)(p, a, weights, pixel);
  });
}

}  // namespace

extern constinit const RoiAlignBackwardKernel kRoiAlignBackwardChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .workspace_bytes = workspace_bytes, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
