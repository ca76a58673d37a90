#include "kernels/resample/resample.h"

#include "kernels/resample/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<ResampleProblem, ResampleArgs> kRows = resample_kernels;

// Noise as pictures, also in the gaps.
VisibleVector<uint8_t> pictures(const ResampleProblem& p) {
  VisibleVector<uint8_t> bytes(size_t(p.frames * p.frame_bytes));
  const CounterRng rng("pictures");
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = uint8_t(rng.bits(i));
  return bytes;
}

template <class T>
Rows<T> resampled(const ResampleKernel& kernel, ResampleProblem p, const VisibleVector<uint8_t>& x,
                  const int* frame = nullptr) {
  p.dtype = dtype_of<T>;
  auto y = output<T>(int64_t{p.frames} * p.out_height * p.out_width, 3, p.y_pitch);
  run_kernel(kernel, p, {.x = x.data(), .frame = frame, .y = y.data()});
  EXPECT_TRUE(y.guards_intact());
  return y;
}

class Resample : public ::testing::TestWithParam<Case<ResampleProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Resample, ::testing::ValuesIn(resample_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Resample, EveryKernelEqualsTheReferenceBitForBit) {
  const auto x = pictures(GetParam().problem);
  const auto wanted = resampled<float>(reference_of(kRows), GetParam().problem, x);
  for_runnable(kRows, GetParam(), [&](const ResampleKernel& kernel) {
    expect_equal(resampled<float>(kernel, GetParam().problem, x), wanted);
  });
}

TEST_P(Resample, HalfTypesHoldTheSameRounded) {
  const auto x = pictures(GetParam().problem);
  const auto single = resampled<float>(reference_of(kRows), GetParam().problem, x);
  for_half_types([&](auto type) {
    using T = decltype(type);
    auto c = GetParam();
    c.problem.dtype = dtype_of<T>;
    for_runnable(kRows, c, [&](const ResampleKernel& kernel) {
      expect_rounded(resampled<T>(kernel, c.problem, x), single);
    });
  });
}

// Four columns of one colour each, halved: between two pixels lies their mean.
TEST(ResampleValues, HalvingAveragesNormalisedPairs) {
  const VisibleVector<uint8_t> x{0, 51, 102, 102, 153, 255, 255, 0, 51, 255, 204, 51};
  const ResampleProblem p = packed({.in_width = 4,
                                    .height = 1,
                                    .width = 2,
                                    .out_width = 2,
                                    .mirror = true,
                                    .mean = {0, 0.2F, 0},
                                    .std = {1, 1, 0.5F},
                                    .reverse_channels = true});
  const auto y = resampled<float>(reference_of(kRows), p, x);
  // Of values up to 2: some roundings.
  const double wanted[2][3] = {{0.4, 0.2, 1}, {1.4, 0.2, 0.2}};
  for (int j = 0; j < 2; ++j)
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(y.at(j, c), wanted[j][c], 1e-6) << j << " " << c;
}

TEST(ResampleValues, FramesAreTakenInTheOrderGiven) {
  ResampleProblem p = packed({.frames = 3, .in_width = 4, .width = 4, .out_width = 4});
  const auto x = pictures(p);
  const auto all = resampled<float>(reference_of(kRows), p, x);
  const VisibleVector<int> order{2, 0, 0, 1, 2};
  p.frames = 5;
  for_runnable(kRows, {"ordered", p}, [&](const ResampleKernel& kernel) {
    const auto y = resampled<float>(kernel, p, x, order.data());
    for (int f = 0; f < 5; ++f)
      for (int i = 0; i < 4 * 3; ++i)
        ASSERT_EQ(y.at(4 * f + i / 3, i % 3), all.at(4 * order[size_t(f)] + i / 3, i % 3));
  });
}

}  // namespace
}  // namespace sf
