// A batched product with its tensors, as the laws run it.
#pragma once

#include "kernels/matmul/matmul.h"
#include "tests/kernels/kernel_test.h"

namespace sf::test {

template <class T>
struct MatmulData {
  MatmulProblem p;
  Rows<T> a, b, c;

  explicit MatmulData(MatmulProblem problem)
      : p(problem),
        a(input<T>(p.batch * a_rows(), p.transpose_a ? p.m : p.k, p.lda)),
        b(input<T>(p.batch * b_rows(), p.transpose_b ? p.k : p.n, p.ldb)),
        c(output<T>(p.batch * p.m, p.n, p.ldc)) {
    p.dtype = dtype_of<T>;
  }

  int64_t a_rows() const { return p.transpose_a ? p.k : p.m; }
  int64_t b_rows() const { return p.transpose_b ? p.n : p.k; }

  template <class F>
  MatmulData& fill(const F& make) {
    a.fill(make("a"));
    b.fill(make("b"));
    return *this;
  }
  void run(const MatmulKernel& kernel, int poison = 0xFF) {
    c = output<T>(p.batch * p.m, p.n, p.ldc);
    run_kernel(kernel, p, {.a = a.data(), .b = b.data(), .c = c.data()}, poison);
  }
};

}  // namespace sf::test
