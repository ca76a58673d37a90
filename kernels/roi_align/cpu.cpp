// Vectors of channels; each thread takes some channels of one bin.
#include <algorithm>

#include "kernels/roi_align/roi_align.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/roi_align/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/threads.h"
#include "kernels/roi_align/weighted_sum-inl.h"
#include "kernels/roi_align/weights.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// Channels [first, first + count) of one bin, counted over all boxes.
void align_bin(const RoiAlignProblem& p, const RoiAlignArgs& a, const RoiWeights& weights,
               int64_t bin, int first, int count) {
  WeightedSum sum(static_cast<const float*>(a.x) + first, p.x_pitch, count,
                  static_cast<float*>(a.y) + bin * p.y_pitch + first);
  for_pixels_of_bin(p, weights, int(bin / p.bins / p.bins), int(bin / p.bins % p.bins),
                    int(bin % p.bins),
                    [&](int64_t pixel, float weight) { sum.add(pixel, weight); });
  sum.finish();
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(align_bin);

constexpr int kSlice = 512;  // channels

bool can_run(const RoiAlignProblem& p) { return p.dtype == DType::f32; }

size_t workspace_bytes(const RoiAlignProblem& p, void*) { return RoiWeights::bytes(p); }

void run(const RoiAlignProblem& p, const RoiAlignArgs& a, void*, void* workspace, Queue) {
  const RoiWeights weights(p, workspace);
  for (int64_t row = 0; row < RoiWeights::rows(p); ++row)
    weights.fill(p, static_cast<const float*>(a.boxes), row);
  const int slices = (p.c + kSlice - 1) / kSlice;
  parallel_for(int64_t{p.boxes} * p.bins * p.bins * slices, 4, [&](int64_t i) {
    const int first = int(i % slices) * kSlice;
    HWY_DYNAMIC_DISPATCH(align_bin)
    (p, a, weights, i / slices, first, std::min(kSlice, p.c - first));
  });
}

}  // namespace

extern constinit const RoiAlignKernel kRoiAlignChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .workspace_bytes = workspace_bytes, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
