// One convolution, and its gradients: their tensors, and a function for each run of a row.
#pragma once

#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/cases.h"
#include "kernels/conv3d/conv3d.h"
#include "tests/kernels/kernel_test.h"

namespace sf::test {

template <class T>
Conv3dProblem with_dtype(Conv3dProblem p) {
  p.dtype = dtype_of<T>;
  return p;
}
inline int64_t in_pixels(const Conv3dProblem& p) { return int64_t{p.n} * p.t * p.h * p.w; }
inline int64_t taps(const Conv3dProblem& p) { return int64_t{p.kt} * p.kh * p.kw; }
inline int64_t weights_of_output(const Conv3dProblem& p) { return taps(p) * (p.c / p.groups); }

// y and the sums over it are the result of the last run.
template <class T>
struct Conv3dData {
  Conv3dProblem p;
  Rows<T> x, w;
  Rows<Arithmetic<T>> bias;
  Rows<T> residual, y;
  Rows<double> sums, count;

  explicit Conv3dData(Conv3dProblem problem)
      : p(with_dtype<T>(problem)),
        x(input<T>(in_pixels(p), p.c, p.x_pitch)),
        w(input<T>(p.k, weights_of_output(p), weights_of_output(p))),
        bias(input<Arithmetic<T>>(1, p.k, p.k)),
        residual(input<T>(p.out_pixels(), p.k, p.residual_pitch)),
        y(output<T>(p.out_pixels(), p.k, p.y_pitch)),
        sums(output<double>(2, p.k, p.k)),
        count(output<double>(1, 1, 1)) {}

  template <class F>
  Conv3dData& fill(const F& make) {
    x.fill(make("x"));
    w.fill(make("w"));
    bias.fill(make("bias"));
    residual.fill(make("residual"));
    return *this;
  }

  Conv3dArgs args() {
    return {.x = x.data(),
            .w = w.data(),
            .bias = p.bias ? bias.data() : nullptr,
            .residual = p.residual ? residual.data() : nullptr,
            .y = y.data(),
            .sums = p.sums ? sums.data() : nullptr,
            .count = p.sums ? count.data() : nullptr};
  }
  void run(const Conv3dKernel& kernel, int poison = 0xFF) {
    y = output<T>(p.out_pixels(), p.k, p.y_pitch);
    sums = output<double>(2, p.k, p.k);
    count = output<double>(1, 1, 1);
    run_kernel(kernel, p, args(), poison);
  }
};

// dx, dw and dbias are the results of the last runs.
template <class T>
struct Conv3dGradients {
  Conv3dProblem p;
  Rows<T> x, w;
  Rows<Arithmetic<T>> bias;
  Rows<T> dy, dx;
  Rows<Arithmetic<T>> dw, dbias;

  explicit Conv3dGradients(Conv3dProblem problem)
      : p(with_dtype<T>(problem)),
        x(input<T>(in_pixels(p), p.c, p.x_pitch)),
        w(input<T>(p.k, weights_of_output(p), weights_of_output(p))),
        bias(input<Arithmetic<T>>(1, p.k, p.k)),
        dy(input<T>(p.out_pixels(), p.k, p.y_pitch)),
        dx(output<T>(in_pixels(p), p.c, p.x_pitch)),
        dw(output<Arithmetic<T>>(p.k, weights_of_output(p), weights_of_output(p))),
        dbias(output<Arithmetic<T>>(1, p.k, p.k)) {}

  template <class F>
  Conv3dGradients& fill(const F& make) {
    x.fill(make("x"));
    w.fill(make("w"));
    bias.fill(make("bias"));
    dy.fill(make("dy"));
    return *this;
  }
  void run(const Conv3dBackwardDataKernel& kernel, int poison = 0xFF) {
    dx = output<T>(in_pixels(p), p.c, p.x_pitch);
    run_kernel(kernel, p, {.dy = dy.data(), .w = w.data(), .dx = dx.data()}, poison);
  }
  void run(const Conv3dBackwardWeightKernel& kernel, int poison = 0xFF) {
    dw = output<Arithmetic<T>>(p.k, weights_of_output(p), weights_of_output(p));
    dbias = output<Arithmetic<T>>(1, p.k, p.k);
    run_kernel(
        kernel, p,
        {.x = x.data(), .dy = dy.data(), .dw = dw.data(), .dbias = p.bias ? dbias.data() : nullptr},
        poison);
  }
};

inline constexpr Table<Conv3dProblem, Conv3dArgs> kConv3d = conv3d_kernels;
inline constexpr Table<Conv3dProblem, Conv3dBackwardDataArgs> kConv3dData =
    conv3d_backward_data_kernels;
inline constexpr Table<Conv3dProblem, Conv3dBackwardWeightArgs> kConv3dWeight =
    conv3d_backward_weight_kernels;

// Fillings: whole numbers whose sums of products are exact in float32, and magnitudes of reals.
inline auto small_integers(const char* key) { return integers(key, 3); }
template <class T>
auto magnitudes(const char* key) {
  return [value = reals<T>(key)](int64_t i) { return std::abs(value(i)); };
}

}  // namespace sf::test
