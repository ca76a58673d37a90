// The definition, one input value after the other.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/roi_align/backward.h"
#include "kernels/roi_align/roi.h"

namespace sf {
namespace {

// What the samples of a bin take of one position, as a mean over them.
template <class Real>
Real weight_of(const RoiSpan<Real>& span, int size, int bin, int position) {
  Real sum = 0;
  for (int sample = 0; sample < span.samples; ++sample) {
    const auto s = roi_sample(size, span.at(bin, sample));
    if (s.inside && s.near == position) sum += s.near_weight;
    if (s.inside && s.far == position) sum += s.far_weight;
  }
  return sum == 0 ? 0 : sum / Real(span.samples);
}

template <class T>
struct Backward {
  using Real = Arithmetic<T>;
  const RoiAlignProblem& p;
  const Real* boxes;
  const T* dy;

  // At one pixel of one picture.
  Real gradient(int picture, int row, int column, int c) const {
    Real sum = 0;
    for (int k = 0; k < p.boxes; ++k) {
      const Real* box = boxes + int64_t{k} * kRoiValues;
      if (roi_picture(p, box) != picture) continue;
      const auto vertical = roi_span(p, box, RoiAxis::y), horizontal = roi_span(p, box, RoiAxis::x);
      for (int i = 0; i < p.bins; ++i) {
        const Real v = weight_of(vertical, p.h, i, row);
        if (v == 0) continue;
        for (int j = 0; j < p.bins; ++j)
          sum += v * weight_of(horizontal, p.w, j, column) *
                 Real(dy[((int64_t{k} * p.bins + i) * p.bins + j) * p.y_pitch + c]);
      }
    }
    return sum;
  }
};

bool can_run(const RoiAlignProblem& p) { return is_real(p.dtype); }

template <class T>
void backward(const RoiAlignProblem& p, const RoiAlignBackwardArgs& a) {
  using Real = Arithmetic<T>;
  const Backward<T> gradients{p, static_cast<const Real*>(a.boxes), static_cast<const T*>(a.dy)};
  parallel_for(int64_t{p.n} * p.h * p.w, 1, [&](int64_t pixel) {
    T* dx = static_cast<T*>(a.dx) + pixel * p.x_pitch;
    for (int c = 0; c < p.c; ++c)
      dx[c] = T(
          gradients.gradient(int(pixel / p.w / p.h), int(pixel / p.w % p.h), int(pixel % p.w), c));
  });
}

void run(const RoiAlignProblem& p, const RoiAlignBackwardArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const RoiAlignBackwardKernel kRoiAlignBackwardReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
