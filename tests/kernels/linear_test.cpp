#include "kernels/linear/cases.h"
#include "tests/kernels/linear_data.h"

namespace sf {
namespace {

using namespace sf::test;

const auto kIntegers = [](const char* key) { return integers(key, 5); };
constexpr Table<LinearProblem, LinearArgs> kRows = linear_kernels;

class Linear : public ::testing::TestWithParam<Case<LinearProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Linear, ::testing::ValuesIn(linear_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Linear, EveryKernelEqualsTheDefinitionOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    LinearData<T> data(GetParam().problem);
    data.fill(kIntegers);
    const LinearProblem& p = data.p;
    Rows<T> wanted = data.y;
    wanted.fill([&](int64_t i) {
      double sum = p.bias ? double(data.bias.at(0, i % p.out)) : 0;
      for (int j = 0; j < p.in; ++j)
        sum += double(data.x.at(i / p.out, j)) * double(data.w.at(i % p.out, j));
      return p.activation == Activation::relu ? std::max(sum, 0.0) : sum;
    });
    for_runnable(kRows, {GetParam().name, data.p}, [&](const LinearKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
      EXPECT_TRUE(data.y.guards_intact());
    });
  });
}

TEST_P(Linear, EveryKernelStaysWithinTheRoundingBoundOnReals) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    LinearData<double> wanted(GetParam().problem), magnitude(GetParam().problem);
    wanted.fill(reals<T>).run(reference_of(kRows));
    magnitude.fill([](const char* key) {
      return [value = reals<T>(key)](int64_t i) { return std::abs(value(i)); };
    });
    magnitude.p.activation = Activation::none;
    magnitude.run(reference_of(kRows));
    LinearData<T> found(GetParam().problem);
    found.fill(reals<T>);
    // As for a convolution: in + 1 terms, each product rounded.
    for_runnable(kRows, {GetParam().name, found.p}, [&](const LinearKernel& kernel) {
      found.run(kernel);
      expect_within(found.y, wanted.y, [&](int64_t i, int64_t c) {
        const double sum = (found.p.in + 2) * kEps / 2 * magnitude.y.at(i, c);
        return sum + rounding<T>(std::abs(wanted.y.at(i, c)) + sum);
      });
    });
  });
}

TEST_P(Linear, WhatTheWorkspaceHeldChangesNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    LinearData<T> nans(GetParam().problem), zeros(GetParam().problem);
    nans.fill(reals<T>);
    zeros.fill(reals<T>);
    for_runnable(kRows, {GetParam().name, nans.p}, [&](const LinearKernel& kernel) {
      nans.run(kernel, 0xFF);
      zeros.run(kernel, 0);
      expect_equal(nans.y, zeros.y);
    });
  });
}

TEST_P(Linear, ARowHasTheSameBitsWhateverIsBesideItOnTheCpu) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    LinearProblem one = GetParam().problem;
    one.rows = 1;
    LinearData<T> all(GetParam().problem), first(one);
    all.fill(reals<T>).run(*select(linear_kernels(Backend::cpu), all.p));
    first.fill(reals<T>).run(*select(linear_kernels(Backend::cpu), first.p));
    for (int o = 0; o < one.out; ++o) EXPECT_EQ(float(all.y.at(0, o)), float(first.y.at(0, o)));
  });
}

}  // namespace
}  // namespace sf
