// Boxes, pictures and gradients for the laws of RoIAlign.
#pragma once

#include <cmath>
#include <iterator>

#include "kernels/roi_align/backward.h"
#include "kernels/roi_align/roi.h"
#include "tests/kernels/kernel_test.h"

namespace sf::test {

// A box from corners in pixels of x.
inline void put_box(const RoiAlignProblem& p, int picture, std::array<double, 4> corners,
                    double* box) {
  const double offset = p.aligned ? 0.5 : 0;
  box[0] = picture;
  for (int i = 0; i < 4; ++i) box[i + 1] = (corners[size_t(i)] + offset) / p.spatial_scale;
}

// Boxes without effect: of no picture, as those that fill up a capacity, of pictures that are not
// there, and with corners that no picture has.
inline bool put_empty(const RoiAlignProblem& p, int i, double* box) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  put_box(p, 0, {0, 0, 2, 2}, box);
  switch (i) {
    case 1: box[0] = -1; return true;
    case 3: box[0] = p.n; return true;
    case 5: box[0] = nan; return true;
    case 7: box[i % 4 + 1] = nan; return true;
    case 9: box[2] = -1e30; return true;
    case 11: box[3] = std::numeric_limits<double>::infinity(); return true;
    default: return false;
  }
}

// Boxes whose weights are multiples of 2^-7 along an axis, so that every kernel is exact on whole
// numbers: the first pixel lies on eighths, and bins have such sizes that samples, a power of two
// of them, lie on sixteenths. Within the picture and across its borders, some wholly outside, some
// reversed.
inline auto dyadic_boxes(const RoiAlignProblem& p) {
  return [p, rng = CounterRng("dyadic boxes")](int i, double* box) {
    if (put_empty(p, i, box)) return;
    const auto draw = [&](int k, uint64_t n) {
      return int(rng.bits(uint64_t(i) * 8 + uint64_t(k)) % n);
    };
    constexpr double kBins[] = {1, 2, 0.25, 0.5, 1.5, 3.5, 4, 16, -2, -0.5};
    double corners[4];
    for (int axis = 0; axis < 2; ++axis) {
      const int size = axis == 0 ? p.w : p.h;
      double bin = kBins[draw(axis, std::size(kBins))];
      // One pixel at least, so that the size stays what it is without alignment.
      if (!p.aligned) bin = std::max(std::abs(bin), 1.0);
      corners[axis] = (draw(axis + 2, uint64_t(size) * 12) - size * 2) / 8.0;
      corners[axis + 2] = corners[axis] + bin * p.bins;
    }
    put_box(p, draw(4, uint64_t(p.n)), {corners[0], corners[1], corners[2], corners[3]}, box);
  };
}

// The largest extent of a box of real_boxes(), and how far its corners are from the first pixel.
inline double largest_extent(const RoiAlignProblem& p) { return 1.5 * std::max(p.h, p.w) + 1; }

// Corners anywhere from half a picture in front to half a picture behind; some boxes reversed, some
// without area.
inline auto real_boxes(const RoiAlignProblem& p) {
  return [p, rng = CounterRng("real boxes")](int i, double* box) {
    if (put_empty(p, i, box)) return;
    const auto draw = [&](int k, double low, double high) {
      return double(rng.uniform(uint64_t(i) * 8 + uint64_t(k), float(low), float(high)));
    };
    double corners[4];
    for (int k = 0; k < 4; ++k) {
      const int size = k % 2 == 0 ? p.w : p.h;
      corners[k] = draw(k, -0.25 * size, 1.25 * size);
    }
    if (i % 4 != 2)
      for (int axis = 0; axis < 2; ++axis)
        if (corners[axis] > corners[axis + 2]) std::swap(corners[axis], corners[axis + 2]);
    if (i % 8 == 4) corners[2] = corners[0];
    put_box(p, int(draw(4, 0, float(p.n) - 0.01F)),
            {corners[0], corners[1], corners[2], corners[3]}, box);
  };
}

template <class T>
struct RoiAlignData {
  using Real = Arithmetic<T>;

  RoiAlignProblem p;
  Rows<Real> boxes;
  Rows<T> x, y, dy, dx;

  template <class MakeBox>
  RoiAlignData(const RoiAlignProblem& problem, const MakeBox& make_box)
      : p(problem),
        boxes(input<Real>(p.boxes, kRoiValues, kRoiValues)),
        x(input<T>(pixels(), p.c, p.x_pitch)),
        y(output<T>(bins(), p.c, p.y_pitch)),
        dy(input<T>(bins(), p.c, p.y_pitch)),
        dx(output<T>(pixels(), p.c, p.x_pitch)) {
    p.dtype = dtype_of<T>;
    for (int i = 0; i < p.boxes; ++i) {
      double box[kRoiValues] = {};
      make_box(i, box);
      for (int k = 0; k < kRoiValues; ++k) boxes.at(i, k) = Real(float(box[k]));
    }
  }

  int64_t pixels() const { return int64_t{p.n} * p.h * p.w; }
  int64_t bins() const { return int64_t{p.boxes} * p.bins * p.bins; }

  void run(const RoiAlignKernel& kernel) {
    y = output<T>(bins(), p.c, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .boxes = boxes.data(), .y = y.data()});
  }
  void run(const RoiAlignBackwardKernel& kernel) {
    dx = output<T>(pixels(), p.c, p.x_pitch);
    run_kernel(kernel, p, {.dy = dy.data(), .boxes = boxes.data(), .dx = dx.data()});
  }
};

// Roundings on the way to a bin's average, of a kernel and of the reference: a bin has at most
// `pixels` pixels, hence no more than four times that many products of a sample and a neighbour,
// each of five roundings, and as many additions.
inline double roundings(const RoiAlignProblem& p) {
  const double bin = largest_extent(p) / p.bins + 2;
  return 5 + 8 * bin * bin;
}

}  // namespace sf::test
