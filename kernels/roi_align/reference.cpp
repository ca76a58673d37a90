// The definition, one output value after the other, sample by sample.
#include <algorithm>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/roi_align/roi.h"

namespace sf {
namespace {

template <class T, class Real>
Real value_at(const RoiAlignProblem& p, const T* x, const RoiSample<Real>& v,
              const RoiSample<Real>& h) {
  const auto at = [&](int row, int column) {
    return Real(x[(int64_t{row} * p.w + column) * p.x_pitch]);
  };
  return v.near_weight * h.near_weight * at(v.near, h.near) +
         v.near_weight * h.far_weight * at(v.near, h.far) +
         v.far_weight * h.near_weight * at(v.far, h.near) +
         v.far_weight * h.far_weight * at(v.far, h.far);
}

// Channel after channel of one bin; x: the picture.
template <class T, class Real>
void align_bin(const RoiAlignProblem& p, const T* x, const RoiSpan<Real>& vertical,
               const RoiSpan<Real>& horizontal, int i, int j, T* y) {
  const int64_t samples = int64_t{vertical.samples} * horizontal.samples;
  for (int c = 0; c < p.c; ++c) {
    Real sum = 0;
    for (int a = 0; a < vertical.samples; ++a) {
      const auto v = roi_sample(p.h, vertical.at(i, a));
      if (!v.inside) continue;
      for (int b = 0; b < horizontal.samples; ++b) {
        const auto h = roi_sample(p.w, horizontal.at(j, b));
        if (h.inside) sum += value_at(p, x + c, v, h);
      }
    }
    y[c] = T(sum / Real(std::max<int64_t>(samples, 1)));
  }
}

template <class T>
void align(const RoiAlignProblem& p, const RoiAlignArgs& a) {
  using Real = Arithmetic<T>;
  parallel_for(int64_t{p.boxes} * p.bins * p.bins, 1, [&](int64_t bin) {
    const int64_t k = bin / p.bins / p.bins;
    const Real* box = static_cast<const Real*>(a.boxes) + k * kRoiValues;
    T* y = static_cast<T*>(a.y) + bin * p.y_pitch;
    const int picture = roi_picture(p, box);
    if (picture < 0) {
      std::fill_n(y, p.c, T(0.0F));
      return;
    }
    const T* x = static_cast<const T*>(a.x) + int64_t{picture} * p.h * p.w * p.x_pitch;
    align_bin(p, x, roi_span(p, box, RoiAxis::y), roi_span(p, box, RoiAxis::x),
              int(bin / p.bins % p.bins), int(bin % p.bins), y);
  });
}

bool can_run(const RoiAlignProblem& p) { return is_real(p.dtype); }

void run(const RoiAlignProblem& p, const RoiAlignArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { align<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const RoiAlignKernel kRoiAlignReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
