// The laws that pooling by windows and by bins have in common.
#pragma once

#include "kernels/adaptive_pool3d/adaptive_pool3d.h"
#include "kernels/pool3d/pool3d.h"
#include "tests/kernels/kernel_test.h"

namespace sf::test {

inline int64_t out_pixels(const Pool3dProblem& p) {
  return int64_t{p.n} * p.out_t() * p.out_h() * p.out_w();
}
inline int64_t out_pixels(const AdaptivePool3dProblem& p) {
  return int64_t{p.n} * p.out_t * p.out_h * p.out_w;
}

template <class T, class Problem>
struct PoolData {
  Problem p;
  Rows<T> x, y;

  explicit PoolData(Problem problem)
      : p(problem),
        x(input<T>(int64_t{p.n} * p.t * p.h * p.w, p.c, p.x_pitch)),
        y(output<T>(out_pixels(p), p.c, p.y_pitch)) {
    p.dtype = dtype_of<T>;
  }

  template <class Args>
  void run(const Kernel<Problem, Args>& kernel) {
    y = output<T>(out_pixels(p), p.c, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
  }
};

template <class Problem, class Args>
struct PoolLaws {
  Table<Problem, Args> rows;
  template <class T>
  using Data = PoolData<T, Problem>;

  // All values negative: padding that took part in a maximum would show. Sums of integers are exact
  // in every order.
  void every_kernel_equals_the_reference_on_integers(const Case<Problem>& c) const {
    for_storage_types([&](auto type) {
      using T = decltype(type);
      Data<T> data(c.problem);
      data.x.fill([value = integers("x", 99)](int64_t i) { return value(i) - 100; });
      data.run(reference_of(rows));
      const Rows<T> wanted = data.y;
      ASSERT_TRUE(wanted.guards_intact());
      for_runnable(rows, {c.name, data.p}, [&](const Kernel<Problem, Args>& kernel) {
        data.run(kernel);
        expect_equal(data.y, wanted);
        EXPECT_TRUE(data.y.guards_intact());
      });
    });
  }

  // Sums are taken in the same order.
  void rows_of_the_cpu_equal_the_reference_bit_for_bit(const Case<Problem>& c) const {
    for_storage_types([&](auto type) {
      using T = decltype(type);
      Data<T> data(c.problem);
      data.x.fill(reals("x"));
      data.run(reference_of(rows));
      const Rows<T> wanted = data.y;
      for_runnable(rows(Backend::cpu), {c.name, data.p}, [&](const Kernel<Problem, Args>& kernel) {
        data.run(kernel);
        expect_equal(data.y, wanted);
      });
    });
  }

  void half_types_round_the_single_precision_result_once(const Case<Problem>& c) const {
    for_half_types([&](auto type) {
      using T = decltype(type);
      Data<T> half(c.problem);
      Data<float> single(c.problem);
      half.x.fill(reals<T>("x"));
      single.x.fill(reals<T>("x"));
      half.run(reference_of(rows));
      single.run(reference_of(rows));
      expect_rounded(half.y, single.y);
    });
  }

  // Values below 1, of which `most` at most are added and divided once; none: nothing is rounded.
  void double_precision_differs_by_rounding_only(const Case<Problem>& c, double most) const {
    for_storage_types([&](auto type) {
      using T = decltype(type);
      Data<T> found(c.problem);
      Data<double> exact(c.problem);
      found.x.fill(reals<T>("x"));
      exact.x.fill(reals<T>("x"));
      exact.run(reference_of(rows));
      const double bound = most > 0 ? (most + 1) * kEps / 2 : 0;
      for_runnable(rows, {c.name, found.p}, [&](const Kernel<Problem, Args>& kernel) {
        found.run(kernel);
        expect_within(found.y, exact.y, [&](int64_t i, int64_t k) {
          return bound == 0 ? 0 : bound + rounding<T>(std::abs(exact.y.at(i, k)) + bound);
        });
      });
    });
  }
};

}  // namespace sf::test
