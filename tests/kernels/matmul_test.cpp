#include "kernels/matmul/cases.h"
#include "tests/kernels/matmul_data.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<MatmulProblem, MatmulArgs> kRows = matmul_kernels;

class Matmul : public ::testing::TestWithParam<Case<MatmulProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Matmul, ::testing::ValuesIn(matmul_cases()),
                         [](const auto& info) { return info.param.name; });

// alpha is a power of two in every case.
TEST_P(Matmul, EveryKernelEqualsTheDefinitionOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    MatmulData<T> data(GetParam().problem);
    data.fill([](const char* key) { return integers(key, 9); });
    const MatmulProblem& p = data.p;
    Rows<T> wanted = data.c;
    wanted.fill([&](int64_t at) {
      const int64_t row = at / p.n, j = at % p.n, batch = row / p.m, i = row % p.m;
      const int64_t a_first = batch * data.a_rows(), b_first = batch * data.b_rows();
      double sum = 0;
      for (int k = 0; k < p.k; ++k)
        sum += double(p.transpose_a ? data.a.at(a_first + k, i) : data.a.at(a_first + i, k)) *
               double(p.transpose_b ? data.b.at(b_first + j, k) : data.b.at(b_first + k, j));
      return p.alpha * sum;
    });
    for_runnable(kRows, {GetParam().name, data.p}, [&](const MatmulKernel& kernel) {
      data.run(kernel);
      expect_equal(data.c, wanted);
      EXPECT_TRUE(data.c.guards_intact());
    });
  });
}

TEST_P(Matmul, EveryKernelStaysWithinTheRoundingBoundOnReals) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    MatmulData<double> wanted(GetParam().problem), magnitude(GetParam().problem);
    wanted.fill(reals<T>).run(reference_of(kRows));
    magnitude.fill([](const char* key) {
      return [value = reals<T>(key)](int64_t i) { return std::abs(value(i)); };
    });
    magnitude.run(reference_of(kRows));
    MatmulData<T> found(GetParam().problem);
    found.fill(reals<T>);
    // k products, each rounded, their sum, and the multiplication by alpha.
    for_runnable(kRows, {GetParam().name, found.p}, [&](const MatmulKernel& kernel) {
      found.run(kernel);
      expect_within(found.c, wanted.c, [&](int64_t i, int64_t c) {
        const double sum = (found.p.k + 2) * kEps / 2 * magnitude.c.at(i, c);
        return sum + rounding<T>(std::abs(wanted.c.at(i, c)) + sum);
      });
    });
  });
}

TEST_P(Matmul, WhatTheWorkspaceHeldChangesNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    MatmulData<T> nans(GetParam().problem), zeros(GetParam().problem);
    nans.fill(reals<T>);
    zeros.fill(reals<T>);
    for_runnable(kRows, {GetParam().name, nans.p}, [&](const MatmulKernel& kernel) {
      nans.run(kernel, 0xFF);
      zeros.run(kernel, 0);
      expect_equal(nans.c, zeros.c);
    });
  });
}

TEST(MatmulTable, OneDnnTakesEveryTransposition) {
  for (const auto& c : matmul_cases())
    EXPECT_EQ(select(matmul_kernels(Backend::cpu), c.problem)->name, "onednn") << c.name;
}

TEST(MatmulTable, OneMatrixServesAWholeBatch) {
  MatmulProblem p = matmul_cases()[1].problem;
  MatmulData<float> repeated(p), shared(p);
  repeated.fill([](const char* key) { return integers(key, 9); });
  repeated.b.fill([&](int64_t i) { return integers("b", 9)(i % (p.k * p.n)); });
  shared.a = repeated.a;
  shared.b = repeated.b;
  shared.p.b_stride = 0;
  repeated.run(reference_of(kRows));
  for_runnable(kRows, {"shared", shared.p}, [&](const MatmulKernel& kernel) {
    shared.run(kernel);
    expect_equal(shared.c, repeated.c);
  });
}

}  // namespace
}  // namespace sf
