// A linear layer with its tensors, as the laws run it.
#pragma once

#include "kernels/linear/linear.h"
#include "tests/kernels/kernel_test.h"

namespace sf::test {

template <class T>
struct LinearData {
  LinearProblem p;
  Rows<T> x, w;
  Rows<Arithmetic<T>> bias;
  Rows<T> y;

  explicit LinearData(LinearProblem problem)
      : p(problem),
        x(input<T>(p.rows, p.in, p.x_pitch)),
        w(input<T>(p.out, p.in, p.in)),
        bias(input<Arithmetic<T>>(1, p.out, p.out)),
        y(output<T>(p.rows, p.out, p.y_pitch)) {
    p.dtype = dtype_of<T>;
  }

  template <class F>
  LinearData& fill(const F& make) {
    x.fill(make("x"));
    w.fill(make("w"));
    bias.fill(make("bias"));
    return *this;
  }
  void run(const LinearKernel& kernel, int poison = 0xFF) {
    y = output<T>(p.rows, p.out, p.y_pitch);
    run_kernel(
        kernel, p,
        {.x = x.data(), .w = w.data(), .bias = p.bias ? bias.data() : nullptr, .y = y.data()},
        poison);
  }
};

}  // namespace sf::test
