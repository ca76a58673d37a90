// Sums over the output of a convolution, gathered while it is stored.
#include <algorithm>

#include "tests/kernels/conv3d_data.h"

namespace sf {
namespace {

using namespace sf::test;

Conv3dProblem with_sums(Conv3dProblem p) {
  p.sums = true;
  return p;
}

class Conv3dSums : public ::testing::TestWithParam<Case<Conv3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Conv3dSums, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Of whole numbers so small that the sums of their squares are exact in single precision.
TEST_P(Conv3dSums, OfIntegersAreTheSameInEveryKernel) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> wanted(with_sums(GetParam().problem)), found = wanted;
    for (auto* data : {&wanted, &found})
      data->fill([](const char* key) { return integers(key, 1); });
    wanted.run(reference_of(kConv3d));
    for_runnable(kConv3d, {GetParam().name, found.p}, [&](const Conv3dKernel& kernel) {
      found.run(kernel);
      expect_equal(found.y, wanted.y);
      expect_equal(found.sums, wanted.sums);
      expect_equal(found.count, wanted.count);
      EXPECT_TRUE(found.y.guards_intact());
      EXPECT_TRUE(found.sums.guards_intact());
      EXPECT_TRUE(found.count.guards_intact());
    });
  });
}

// What the sums over one channel should be: its values as they are stored, added up in double.
struct Moments {
  double sum = 0, deviations = 0;  // their squares, from the mean
  double range = 0, largest = 0;
};

template <class T>
Moments moments_of(const Rows<T>& y, int64_t c) {
  const auto n = double(y.rows());
  Moments m;
  double least = double(y.at(0, c)), most = least;
  for (int64_t i = 0; i < y.rows(); ++i) {
    const auto value = double(y.at(i, c));
    m.sum += value;
    m.largest = std::max(m.largest, std::abs(value));
    least = std::min(least, value);
    most = std::max(most, value);
  }
  m.range = most - least;
  for (int64_t i = 0; i < y.rows(); ++i)
    m.deviations += std::pow(double(y.at(i, c)) - m.sum / n, 2);
  return m;
}

// A deviation from a pivot is at most the range of the channel's values. 64 of them at most are
// added up in one place, after two roundings of each; parts that meet are moved to another pivot
// with three more, of terms of up to three ranges or squares of ranges. The rest is double
// precision.
constexpr double kRoundings = 64 + 2 + 3 * 3;

template <class T>
void expect_sums_of_what_is_stored(const Conv3dData<T>& data) {
  const auto n = double(data.p.out_pixels());
  EXPECT_EQ(data.count.at(0, 0), n);
  for (int64_t c = 0; c < data.p.k; ++c) {
    const Moments m = moments_of(data.y, c);
    const double rest = 4 * n * n * std::numeric_limits<double>::epsilon();
    ASSERT_NEAR(data.sums.at(0, c), m.sum, kRoundings * kEps / 2 * n * m.range + rest * m.largest);
    const double deviations = data.sums.at(1, c) - data.sums.at(0, c) * data.sums.at(0, c) / n;
    ASSERT_NEAR(
        deviations, m.deviations,
        3 * kRoundings * kEps / 2 * n * m.range * m.range + 2 * rest * m.largest * m.largest);
  }
}

TEST_P(Conv3dSums, OfRealsAreThoseOfTheStoredValues) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> data(with_sums(GetParam().problem));
    data.fill(reals<T>);
    for_runnable(kConv3d, {GetParam().name, data.p}, [&](const Conv3dKernel& kernel) {
      data.run(kernel);
      expect_sums_of_what_is_stored(data);
    });
  });
}

TEST(Conv3dSumsValues, AMeanOfThousandsCostsNoVariance) {
  for (const int c : {3, 8, 16}) {
    Conv3dProblem p =
        dense({.t = 3, .h = 19, .w = 18, .c = c, .k = 16, .bias = true, .sums = true});
    if (c == 8) p.kt = 3, p.pad = {1, 0, 0};
    Conv3dData<float> data(p);
    data.fill(reals<float>);
    data.bias.fill([](int64_t i) { return 4096 + 512 * i; });
    for_runnable(kConv3d, {"far from zero", p}, [&](const Conv3dKernel& kernel) {
      data.run(kernel);
      expect_sums_of_what_is_stored(data);
    });
  }
}

TEST(Conv3dSumsTable, KernelsThatGatherAreChosenAsWithoutSums) {
  for (const auto& c : slowfast_conv3d_cases(1, 224))
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
      Conv3dProblem p = c.problem;
      p.dtype = dtype;
      p.bias = p.residual = false;
      const auto plain = select(kConv3d(Backend::simt), p)->name;
      EXPECT_NE(plain, "direct") << c.name;
      EXPECT_EQ(select(kConv3d(Backend::simt), with_sums(p))->name, plain) << c.name;
    }
}

}  // namespace
}  // namespace sf
