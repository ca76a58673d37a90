#include "kernels/dropout/dropout.h"

#include "kernels/dropout/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

const DropoutKernel& kKernel = dropout_kernels(Backend::cpu)[0];

template <class T>
struct Data {
  DropoutProblem p;
  Rows<T> x, y;
  Visible<int64_t> seed = 7, step = 3;

  explicit Data(DropoutProblem problem)
      : p(problem), x(input<T>(p.pixels, p.c, p.x_pitch)), y(output<T>(p.pixels, p.c, p.y_pitch)) {
    p.dtype = dtype_of<T>;
    x.fill([value = reals("x")](int64_t i) { return value(i) + 2; });  // never 0
  }
  Data& run(const DropoutKernel& kernel = kKernel) {
    y = output<T>(p.pixels, p.c, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .seed = seed.data(), .step = step.data(), .y = y.data()});
    return *this;
  }
  std::vector<bool> kept() const {
    std::vector<bool> mask;
    for (int64_t i = 0; i < p.pixels * p.c; ++i) mask.push_back(y.at(i / p.c, i % p.c) != 0);
    return mask;
  }
};

class Dropout : public ::testing::TestWithParam<Case<DropoutProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Dropout, ::testing::ValuesIn(dropout_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Dropout, EveryKernelEqualsTheReferenceBitForBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> wanted(GetParam().problem);
    wanted.run();
    Data<T> found = wanted;
    for_runnable<DropoutProblem, DropoutArgs>(dropout_kernels, {GetParam().name, found.p},
                                              [&](const DropoutKernel& kernel) {
                                                found.run(kernel);
                                                expect_equal(found.y, wanted.y);
                                                EXPECT_TRUE(found.y.guards_intact());
                                              });
  });
}

TEST_P(Dropout, ValuesAreScaledOrZero) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.run();
    EXPECT_TRUE(data.y.guards_intact());
    const auto scale = float(1 / (1 - data.p.rate));
    for (int64_t i = 0; i < data.p.pixels; ++i)
      for (int c = 0; c < data.p.c; ++c) {
        const auto y = float(data.y.at(i, c));
        ASSERT_TRUE(y == 0 || y == float(T(float(data.x.at(i, c)) * scale)));
      }
  });
}

// The number of kept draws is binomial: within five deviations of its mean.
TEST_P(Dropout, AboutTheRateIsDropped) {
  Data<float> data(GetParam().problem);
  const std::vector<bool> mask = data.run().kept();
  const int64_t group = data.p.draw_pixels ? data.p.draw_pixels * data.p.c : 1;
  const double draws = double(mask.size()) / double(group);
  int64_t dropped = 0;
  for (size_t i = 0; i < mask.size(); i += size_t(group)) dropped += !mask[i];
  const double deviation = std::sqrt(draws * data.p.rate * (1 - data.p.rate));
  EXPECT_NEAR(double(dropped), draws * data.p.rate, 5 * deviation);
}

TEST_P(Dropout, TheMaskDependsOnSeedStreamAndStepAlone) {
  Data<float> data(GetParam().problem);
  const std::vector<bool> mask = data.run().kept();
  EXPECT_EQ(data.run().kept(), mask);
  Data<double> gradient(GetParam().problem);  // another input, type and pitch
  gradient.p.x_pitch = gradient.p.c;
  gradient.x = input<double>(gradient.p.pixels, gradient.p.c, gradient.p.c).fill([](int64_t i) {
    return double(i + 1);
  });
  EXPECT_EQ(gradient.run().kept(), mask);
  Data<float> other = data;
  other.seed = 8;
  EXPECT_NE(other.run().kept(), mask);
  other = data;
  other.step = 4;
  EXPECT_NE(other.run().kept(), mask);
  other = data;
  other.p.stream = 1;
  EXPECT_NE(other.run().kept(), mask);
  // Not the same numbers in another order of the three.
  std::swap(data.seed, data.step);
  EXPECT_NE(data.run().kept(), mask);
}

TEST(DropoutValues, DropConnectDropsWholeSamples) {
  Data<float> data(dropout_cases().back().problem);
  const std::vector<bool> mask = data.run().kept();
  const auto sample = size_t(data.p.draw_pixels * data.p.c);
  for (size_t i = 0; i < mask.size(); ++i) ASSERT_EQ(mask[i], mask[i / sample * sample]);
}

TEST(DropoutValues, PartsOfABatchHaveTheirPartOfItsMask) {
  for (const int64_t draw_pixels : {0, 4}) {
    DropoutProblem p{.pixels = 24, .c = 5, .draw_pixels = draw_pixels, .x_pitch = 5, .y_pitch = 5};
    const std::vector<bool> whole = Data<float>(p).run().kept();
    std::vector<bool> joined;
    p.pixels = 8;
    for (p.first_pixel = 0; p.first_pixel < 24; p.first_pixel += 8) {
      const std::vector<bool> part = Data<float>(p).run().kept();
      joined.insert(joined.end(), part.begin(), part.end());
    }
    EXPECT_EQ(joined, whole) << draw_pixels;
  }
}

TEST(DropoutValues, RateZeroKeepsAndRateOneDropsAll) {
  Data<float> data(dropout_cases()[1].problem);
  data.p.rate = 0;
  expect_equal(data.run().y, data.x);
  data.p.rate = 1;
  for (const bool kept : data.run().kept()) EXPECT_FALSE(kept);
}

TEST(DropoutValues, TheOutputMayBeTheInput) {
  DropoutProblem p = dropout_cases()[2].problem;
  p.y_pitch = p.x_pitch;
  Data<float> data(p);
  data.run();
  Rows<float> shared = data.x;
  run_kernel(
      kKernel, p,
      {.x = shared.data(), .seed = data.seed.data(), .step = data.step.data(), .y = shared.data()});
  expect_equal(shared, data.y);
}

}  // namespace
}  // namespace sf
