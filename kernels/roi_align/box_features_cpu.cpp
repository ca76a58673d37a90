// A thread takes some channels of a clip: their mean over time, which its cache holds, then all
// boxes on it.
#include <algorithm>
#include <cmath>

#include "kernels/roi_align/box_features.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/roi_align/box_features_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/threads.h"
#include "kernels/roi_align/weighted_sum-inl.h"
#include "kernels/roi_align/weights.h"

#ifndef SF_KERNELS_ROI_ALIGN_BOX_FEATURES_CPU_
#define SF_KERNELS_ROI_ALIGN_BOX_FEATURES_CPU_
namespace sf {

constexpr int kFeatureSlice = 128;  // channels of a task

// Of a thread: the means, bin after bin of a box, and the largest so far.
struct FeatureBuffers {
  float *means, *bin, *largest;

  static int64_t floats(const RoiAlignProblem& p) {
    return (int64_t{p.h} * p.w + 2) * kFeatureSlice;
  }
  FeatureBuffers(const RoiAlignProblem& p, float* memory)
      : means(memory),
        bin(memory + int64_t{p.h} * p.w * kFeatureSlice),
        largest(bin + kFeatureSlice) {}
};

// Channels [first, first + count) of a clip.
struct FeatureSlice {
  int clip, first, count;
};

}  // namespace sf
#endif

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

template <class T>
void average(const BoxFeaturesProblem& p, const T* x, const FeatureSlice& slice, float* means) {
  const int64_t plane = int64_t{p.roi.h} * p.roi.w, frame = plane * p.roi.x_pitch;
  const T* from = x + slice.clip * p.t * frame + slice.first;
  for (int64_t pixel = 0; pixel < plane; ++pixel, from += p.roi.x_pitch) {
    for_lanes(slice.count, [&](auto d, int64_t c) HWY_ATTR {
      auto sum = load(d, from + c);
      for (int t = 1; t < p.t; ++t) sum = hn::Add(sum, load(d, from + t * frame + c));
      hn::StoreU(hn::Div(sum, hn::Set(d, float(p.t))), d, means + pixel * kFeatureSlice + c);
    });
  }
}

// Max() of a NaN is not the same on all targets.
void take_larger(const float* bin, int count, float* largest) {
  for_lanes(count, [&](auto d, int64_t c) HWY_ATTR {
    const auto value = hn::LoadU(d, bin + c), before = hn::LoadU(d, largest + c);
    const auto taken = hn::Or(hn::Gt(value, before), hn::IsNaN(value));
    hn::StoreU(hn::IfThenElse(taken, value, before), d, largest + c);
  });
}

void largest_of_box(const RoiAlignProblem& p, const RoiWeights& weights, int box, int count,
                    int64_t first_pixel, const FeatureBuffers& buffers) {
  std::fill_n(buffers.largest, count, -std::numeric_limits<float>::infinity());
  for (int i = 0; i < p.bins; ++i)
    for (int j = 0; j < p.bins; ++j) {
      WeightedSum sum(buffers.means, kFeatureSlice, count, buffers.bin);
      for_pixels_of_bin(p, weights, box, i, j,
                        [&](int64_t pixel, float weight) { sum.add(pixel - first_pixel, weight); });
      sum.finish();
      take_larger(buffers.bin, count, buffers.largest);
    }
}

template <class T>
void slice_of(const BoxFeaturesProblem& p, const BoxFeaturesArgs& a, const RoiWeights& weights,
              const FeatureSlice& slice, const FeatureBuffers& buffers) {
  average(p, static_cast<const T*>(a.x), slice, buffers.means);
  const int64_t first_pixel = int64_t{slice.clip} * p.roi.h * p.roi.w;
  for (int box = 0; box < p.roi.boxes; ++box) {
    // Boxes of no clip are zeros, which the first clip writes.
    if (std::max(weights.picture(box), 0) != slice.clip) continue;
    largest_of_box(p.roi, weights, box, slice.count, first_pixel, buffers);
    T* y = static_cast<T*>(a.y) + box * p.roi.y_pitch + slice.first;
    for_lanes(slice.count, [&](auto d, int64_t c)
                               HWY_ATTR { store(hn::LoadU(d, buffers.largest + c), d, y + c); });
  }
}

void run_slice(const BoxFeaturesProblem& p, const BoxFeaturesArgs& a, const RoiWeights& weights,
               const FeatureSlice& slice, const FeatureBuffers& buffers) {
  if (p.roi.dtype == DType::f32)
    slice_of<float>(p, a, weights, slice, buffers);
  else
    slice_of<bf16>(p, a, weights, slice, buffers);
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(run_slice);

int slices(const BoxFeaturesProblem& p) { return (p.roi.c + kFeatureSlice - 1) / kFeatureSlice; }

bool can_run(const BoxFeaturesProblem& p) {
  return p.roi.dtype == DType::f32 || p.roi.dtype == DType::bf16;
}

// The number of threads.
std::shared_ptr<void> prepare(const BoxFeaturesProblem& p) {
  return std::make_shared<int>(int(std::min<int64_t>(max_threads(), int64_t{p.roi.n} * slices(p))));
}

size_t weights_bytes(const RoiAlignProblem& p) { return (RoiWeights::bytes(p) + 63) / 64 * 64; }

size_t workspace_bytes(const BoxFeaturesProblem& p, void* prepared) {
  const int64_t floats = *static_cast<int*>(prepared) * FeatureBuffers::floats(p.roi);
  return weights_bytes(p.roi) + size_t(floats) * sizeof(float);
}

void run(const BoxFeaturesProblem& p, const BoxFeaturesArgs& a, void* prepared, void* workspace,
         Queue) {
  const RoiWeights weights(p.roi, workspace);
  for (int64_t row = 0; row < RoiWeights::rows(p.roi); ++row)
    weights.fill(p.roi, static_cast<const float*>(a.boxes), row);
  auto* buffers = reinterpret_cast<float*>(static_cast<char*>(workspace) + weights_bytes(p.roi));
  const int count = slices(p);
  parallel_for_slots(
      int64_t{p.roi.n} * count, *static_cast<int*>(prepared), [&](int64_t slot, int64_t i) {
        const int first = int(i % count) * kFeatureSlice;
        HWY_DYNAMIC_DISPATCH(run_slice)
        (p, a, weights, {int(i / count), first, std::min(kFeatureSlice, p.roi.c - first)},
         {p.roi, buffers + slot * FeatureBuffers::floats(p.roi)});
      });
}

}  // namespace

extern constinit const BoxFeaturesKernel kBoxFeaturesChannelSlices{
    .name = "channel_slices",
    .can_run = can_run,
    .prepare = prepare,
    .workspace_bytes = workspace_bytes,
    .run = run};

}  // namespace sf
#endif  // HWY_ONCE
