// The rows of cuBLASLt in the tables of linear layers and products, and the laws they are held to.
#pragma once

#include <algorithm>
#include <string_view>

#include "kernels/linear/cases.h"
#include "kernels/matmul/cases.h"
#include "tests/cublaslt/host_library.h"
#include "tests/kernels/linear_data.h"
#include "tests/kernels/matmul_data.h"

namespace sf::test {

template <class Problem, class Args>
const Kernel<Problem, Args>& cublaslt_row(Table<Problem, Args> table, bool tf32 = false) {
  for (const auto& row : table(Backend::cuda))
    if (row.name == std::string_view(tf32 ? "cublaslt_tf32" : "cublaslt")) return row;
  throw Error("wanted a row of cublaslt, found none");
}

constexpr Table<LinearProblem, LinearArgs> kLinear = linear_kernels;
constexpr Table<MatmulProblem, MatmulArgs> kMatmul = matmul_kernels;

// By the problem's type, what a test calls the same for both.
template <class Problem>
struct Op;
template <>
struct Op<LinearProblem> {
  template <class T>
  using Data = LinearData<T>;
  static constexpr auto kTable = kLinear;
  static int terms(const LinearProblem& p) { return p.in; }
  template <class T>
  static Rows<T>& result(LinearData<T>& data) {
    return data.y;
  }
  // The library's bias has the type of the result.
  static bool is_taken(const LinearProblem& p) { return !p.bias || !is_half(p.dtype); }
  static LinearProblem without_activation(LinearProblem p) {
    p.activation = Activation::none;
    return p;
  }
};
template <>
struct Op<MatmulProblem> {
  template <class T>
  using Data = MatmulData<T>;
  static constexpr auto kTable = kMatmul;
  static int terms(const MatmulProblem& p) { return p.k; }
  template <class T>
  static Rows<T>& result(MatmulData<T>& data) {
    return data.c;
  }
  static bool is_taken(const MatmulProblem&) { return true; }
  static MatmulProblem without_activation(const MatmulProblem& p) { return p; }
};

inline const auto kSmallIntegers = [](const char* key) { return integers(key, 5); };

// On whole numbers, equal to the reference; between rows nothing is written.
template <class T, class Problem>
void expect_reference_on_integers(const Problem& problem) {
  using O = Op<Problem>;
  typename O::template Data<T> wanted(problem), found(problem);
  const auto& row = cublaslt_row(O::kTable, found.p.tf32);
  ASSERT_TRUE(row.can_run(found.p));
  wanted.fill(kSmallIntegers).run(reference_of(O::kTable));
  found.fill(kSmallIntegers).run(row);
  expect_equal(O::result(found), O::result(wanted));
  EXPECT_TRUE(O::result(found).guards_intact());
}

// On reals, within the bound of float32 sums; TF32 cuts or rounds each factor too, by up to 2^-10.
template <class T, class Problem>
void expect_within_rounding(const Problem& problem) {
  using O = Op<Problem>;
  typename O::template Data<double> wanted(problem), magnitude(O::without_activation(problem));
  wanted.fill(reals<T>).run(reference_of(O::kTable));
  magnitude
      .fill([](const char* key) {
        return [value = reals<T>(key)](int64_t i) { return std::abs(value(i)); };
      })
      .run(reference_of(O::kTable));
  typename O::template Data<T> found(problem);
  const double factors = problem.tf32 ? 0x1p-9 + 0x1p-20 : 0;
  found.fill(reals<T>).run(cublaslt_row(O::kTable, found.p.tf32));
  expect_within(O::result(found), O::result(wanted), [&](int64_t i, int64_t c) {
    const double sum =
        ((O::terms(problem) + 2) * kEps / 2 + factors) * O::result(magnitude).at(i, c);
    return sum + rounding<T>(std::abs(O::result(wanted).at(i, c)) + sum);
  });
}

// Both laws for every type that the rows take, and with TF32; others are refused. on_taken() is
// called for each, with an element of the type.
template <class Problem, class F>
void expect_laws(Problem p, const F& on_taken) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    for (const bool tf32 : {false, true}) {
      if (tf32 && !std::is_same_v<T, float>) continue;
      p.dtype = dtype_of<T>;
      p.tf32 = tf32;
      if (!Op<Problem>::is_taken(p)) {
        EXPECT_FALSE(cublaslt_row(Op<Problem>::kTable).can_run(p));
        continue;
      }
      expect_reference_on_integers<T>(p);
      expect_within_rounding<T>(p);
      on_taken(type, p);
    }
  });
}

}  // namespace sf::test
