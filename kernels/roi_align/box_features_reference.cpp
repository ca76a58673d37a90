// The definition: means over time, RoIAlign's reference on them, and the largest of its bins.
#include <cmath>
#include <limits>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/roi_align/box_features.h"

namespace sf {

extern const RoiAlignKernel kRoiAlignReference;

namespace {

// RoIAlign of the means, dense and of the arithmetic type.
RoiAlignProblem problem_of_means(const BoxFeaturesProblem& p) {
  RoiAlignProblem means = p.roi;
  means.dtype = arithmetic_of(p.roi.dtype);
  means.x_pitch = means.y_pitch = p.roi.c;
  return means;
}

int64_t pixels(const RoiAlignProblem& p) { return int64_t{p.h} * p.w; }

template <class T, class Real>
void average(const BoxFeaturesProblem& p, const T* x, Real* means) {
  const int64_t plane = pixels(p.roi);
  parallel_for(p.roi.n * plane, 1, [&](int64_t i) {
    const T* first = x + (i / plane * p.t * plane + i % plane) * p.roi.x_pitch;
    for (int c = 0; c < p.roi.c; ++c) {
      Real sum = 0;
      for (int t = 0; t < p.t; ++t) sum += Real(first[t * plane * p.roi.x_pitch + c]);
      means[i * p.roi.c + c] = sum / Real(p.t);
    }
  });
}

template <class T, class Real>
void take_largest(const BoxFeaturesProblem& p, const Real* bins, T* y) {
  const int count = p.roi.bins * p.roi.bins;
  parallel_for(p.roi.boxes, 1, [&](int64_t k) {
    for (int c = 0; c < p.roi.c; ++c) {
      Real largest = -std::numeric_limits<Real>::infinity();
      for (int i = 0; i < count; ++i) {
        const Real value = bins[(k * count + i) * p.roi.c + c];
        if (value > largest || std::isnan(value)) largest = value;
      }
      y[k * p.roi.y_pitch + c] = T(largest);
    }
  });
}

template <class T>
void run_typed(const BoxFeaturesProblem& p, const BoxFeaturesArgs& a, void* workspace) {
  using Real = Arithmetic<T>;
  Real* means = static_cast<Real*>(workspace);
  Real* bins = means + p.roi.n * pixels(p.roi) * p.roi.c;
  average(p, static_cast<const T*>(a.x), means);
  kRoiAlignReference.run(problem_of_means(p), {.x = means, .boxes = a.boxes, .y = bins}, nullptr,
                         nullptr, {});
  take_largest(p, bins, static_cast<T*>(a.y));
}

bool can_run(const BoxFeaturesProblem& p) { return is_real(p.roi.dtype); }

size_t workspace_bytes(const BoxFeaturesProblem& p, void*) {
  const int64_t bins = int64_t{p.roi.boxes} * p.roi.bins * p.roi.bins;
  return size_t((p.roi.n * pixels(p.roi) + bins) * p.roi.c) * size_of(arithmetic_of(p.roi.dtype));
}

void run(const BoxFeaturesProblem& p, const BoxFeaturesArgs& a, void*, void* workspace, Queue) {
  with_real(p.roi.dtype, [&](auto t) { run_typed<decltype(t)>(p, a, workspace); });
}

}  // namespace

extern constinit const BoxFeaturesKernel kBoxFeaturesReference{
    .name = "reference", .can_run = can_run, .workspace_bytes = workspace_bytes, .run = run};

}  // namespace sf
