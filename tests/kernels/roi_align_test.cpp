#include "kernels/roi_align/roi_align.h"

#include "kernels/roi_align/cases.h"
#include "tests/kernels/roi_align_data.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<RoiAlignProblem, RoiAlignArgs> kRows = roi_align_kernels;

class RoiAlign : public ::testing::TestWithParam<Case<RoiAlignProblem>> {
 protected:
  const RoiAlignProblem& problem() const { return GetParam().problem; }
};
INSTANTIATE_TEST_SUITE_P(Cases, RoiAlign, ::testing::ValuesIn(roi_align_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(RoiAlign, EveryKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    RoiAlignData<T> data(problem(), dyadic_boxes(problem()));
    data.x.fill(integers("x", 99));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    ASSERT_TRUE(wanted.guards_intact());
    for_runnable(kRows, {GetParam().name, data.p}, [&](const RoiAlignKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
      EXPECT_TRUE(data.y.guards_intact());
    });
  });
}

// Values below 1 with weights that add to 1 at most, at the same samples.
TEST_P(RoiAlign, EveryKernelIsWithinRoundingOfTheReferenceOnRealBoxes) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    RoiAlignData<T> data(problem(), real_boxes(problem()));
    data.x.fill(reals<T>("x"));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    const double bound = roundings(data.p) * kEps / 2;
    for_runnable(kRows, {GetParam().name, data.p}, [&](const RoiAlignKernel& kernel) {
      data.run(kernel);
      // Both are rounded to T, perhaps to different sides.
      expect_within(data.y, wanted, [&](int64_t i, int64_t c) {
        return bound + 2 * rounding<T>(std::abs(double(wanted.at(i, c))) + bound);
      });
    });
  });
}

// A sample's position is rounded six times, at most that much away from the first pixel; a value
// changes by 2 a pixel along either axis.
TEST_P(RoiAlign, DoublePrecisionDiffersByRoundingOnly) {
  RoiAlignData<float> found(problem(), real_boxes(problem()));
  RoiAlignData<double> exact(problem(), real_boxes(problem()));
  found.x.fill(reals<float>("x"));
  exact.x.fill(reals<float>("x"));
  found.run(reference_of(kRows));
  exact.run(reference_of(kRows));
  const double position = 6 * kEps / 2 * 2 * largest_extent(found.p);
  const double bound = roundings(found.p) * kEps / 2 + 4 * position;
  expect_within(found.y, exact.y, [&](int64_t, int64_t) { return bound; });
}

TEST_P(RoiAlign, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    RoiAlignData<T> half(problem(), real_boxes(problem()));
    RoiAlignData<float> single(problem(), real_boxes(problem()));
    half.x.fill(reals<T>("x"));
    single.x.fill(reals<T>("x"));
    half.run(reference_of(kRows));
    single.run(reference_of(kRows));
    expect_rounded(half.y, single.y);
  });
}

TEST_P(RoiAlign, BoxesOfNoPictureGiveZeros) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    RoiAlignData<T> data(problem(), real_boxes(problem()));
    data.x.fill(reals<T>("x"));
    for_runnable(kRows, {GetParam().name, data.p}, [&](const RoiAlignKernel& kernel) {
      data.run(kernel);
      double ignored[kRoiValues];
      for (int k = 0; k < data.p.boxes; ++k)
        for (int i = 0; put_empty(data.p, k, ignored) && i < data.p.bins * data.p.bins; ++i)
          for (int c = 0; c < data.p.c; ++c)
            ASSERT_EQ(float(data.y.at(int64_t{k} * data.p.bins * data.p.bins + i, c)), 0) << k;
    });
  });
}

// One picture of one channel that holds 10 row + column, whose samples are 10 y + x.
struct Ramp {
  explicit Ramp(const RoiAlignProblem& problem, std::array<double, 4> corners)
      : data(problem, [&](int, double* box) {
          box[0] = 0;
          std::ranges::copy(corners, box + 1);
        }) {
    data.x.fill([&](int64_t i) { return 10 * (i / data.p.w) + i % data.p.w; });
  }
  void expect(const std::vector<float>& wanted) {
    for_runnable(kRows, {"values", data.p}, [&](const RoiAlignKernel& kernel) {
      data.run(kernel);
      for (size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(data.y.at(int64_t(i), 0), wanted[i]);
    });
  }
  RoiAlignData<float> data;
};

TEST(RoiAlignValues, BinsAverageTheirSamples) {
  // Two bins of two pixels along x, of one along y: centres at 0.5 + 2 and 0.5 + 4, 1 and 2.
  Ramp({.h = 8, .w = 9, .bins = 2, .aligned = false}, {1.5, 0.5, 5.5, 2.5})
      .expect({12.5, 14.5, 22.5, 24.5});
}

TEST(RoiAlignValues, AlignedCornersAreHalfAPixelLess) {
  Ramp({.h = 8, .w = 9, .bins = 2, .aligned = true}, {2, 1, 6, 3}).expect({12.5, 14.5, 22.5, 24.5});
}

TEST(RoiAlignValues, CornersAreScaled) {
  Ramp({.h = 8, .w = 9, .bins = 2, .spatial_scale = 0.25, .aligned = false}, {6, 2, 22, 10})
      .expect({12.5, 14.5, 22.5, 24.5});
}

TEST(RoiAlignValues, WithoutAlignmentABoxHasOnePixelAtLeast) {
  const std::array<double, 4> point{3, 2, 3, 2};
  Ramp({.h = 8, .w = 9, .bins = 1, .aligned = false}, point).expect({28.5});  // at 2.5, 3.5
  Ramp({.h = 8, .w = 9, .bins = 1, .aligned = true}, point).expect({0});      // no sample
}

TEST(RoiAlignValues, TheBorderReachesOnePixelOutwards) {
  const RoiAlignProblem p{.h = 8, .w = 9, .samples = 1, .aligned = false};
  Ramp(p, {-1.5, 0.5, -0.5, 1.5}).expect({10});  // x = -1: that of 0
  Ramp(p, {-1.75, 0.5, -0.75, 1.5}).expect({0});
  Ramp(p, {8.5, 0.5, 9.5, 1.5}).expect({18});  // x = 9: that of 8
  Ramp(p, {8.75, 0.5, 9.75, 1.5}).expect({0});
  Ramp(p, {2.5, -1.5, 3.5, -0.5}).expect({3});
  Ramp(p, {2.5, -1.75, 3.5, -0.75}).expect({0});
  Ramp(p, {2.5, 7.5, 3.5, 8.5}).expect({73});
  Ramp(p, {2.5, 7.75, 3.5, 8.75}).expect({0});
}

// 16 samples from -7.5 to 7.5, of which 9 lie in the picture or up to a pixel outside along either
// axis: -0.5 counts as 0.
TEST(RoiAlignValues, SamplesOutsideCountAsZeros) {
  Ramp({.h = 8, .w = 8, .aligned = false}, {-8, 0, 8, 1})
      .expect({(0 + 0.5 + 1.5 + 2.5 + 3.5 + 4.5 + 5.5 + 6.5 + 7 + 9 * 5) / 16});
}

}  // namespace
}  // namespace sf
