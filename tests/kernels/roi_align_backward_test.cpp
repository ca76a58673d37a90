#include "kernels/roi_align/backward.h"
#include "kernels/roi_align/cases.h"
#include "tests/kernels/roi_align_data.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<RoiAlignProblem, RoiAlignArgs> kForward = roi_align_kernels;
constexpr Table<RoiAlignProblem, RoiAlignBackwardArgs> kRows = roi_align_backward_kernels;

class RoiAlignBackward : public ::testing::TestWithParam<Case<RoiAlignProblem>> {
 protected:
  const RoiAlignProblem& problem() const { return GetParam().problem; }

  // By pixel the sum of what all bins take of it.
  Rows<double> weights() const {
    RoiAlignData<double> data(problem(), real_boxes(problem()));
    data.dy.fill([](int64_t) { return 1; });
    data.run(reference_of(kRows));
    return data.dx;
  }
};
INSTANTIATE_TEST_SUITE_P(Cases, RoiAlignBackward, ::testing::ValuesIn(roi_align_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(RoiAlignBackward, EveryKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    RoiAlignData<T> data(problem(), dyadic_boxes(problem()));
    data.dy.fill(integers("dy", 9));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.dx;
    ASSERT_TRUE(wanted.guards_intact());
    for_runnable(kRows, {GetParam().name, data.p}, [&](const RoiAlignBackwardKernel& kernel) {
      data.run(kernel);
      expect_equal(data.dx, wanted);
      EXPECT_TRUE(data.dx.guards_intact());
    });
  });
}

// Gradients below 1: a sum of boxes x bins^2 terms at most, whose weights took as many roundings as
// a bin's average.
TEST_P(RoiAlignBackward, EveryKernelIsWithinRoundingOfTheReferenceOnRealBoxes) {
  const Rows<double> total = weights();
  for_storage_types([&](auto type) {
    using T = decltype(type);
    RoiAlignData<T> data(problem(), real_boxes(problem()));
    data.dy.fill(reals<T>("dy"));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.dx;
    const double terms = roundings(data.p) + double(data.bins());
    for_runnable(kRows, {GetParam().name, data.p}, [&](const RoiAlignBackwardKernel& kernel) {
      data.run(kernel);
      expect_within(data.dx, wanted, [&](int64_t i, int64_t c) {
        const double bound = terms * kEps / 2 * total.at(i, c);
        return bound + 2 * rounding<T>(std::abs(double(wanted.at(i, c))) + bound);
      });
    });
  });
}

TEST_P(RoiAlignBackward, ARunRepeatsItsBits) {
  RoiAlignData<float> data(problem(), real_boxes(problem()));
  data.dy.fill(reals("dy"));
  for_runnable(kRows, {GetParam().name, data.p}, [&](const RoiAlignBackwardKernel& kernel) {
    data.run(kernel);
    const Rows<float> first = data.dx;
    data.run(kernel);
    expect_equal(data.dx, first);
  });
}

TEST_P(RoiAlignBackward, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    RoiAlignData<T> half(problem(), real_boxes(problem()));
    RoiAlignData<float> single(problem(), real_boxes(problem()));
    half.dy.fill(reals<T>("dy"));
    single.dy.fill(reals<T>("dy"));
    half.run(reference_of(kRows));
    single.run(reference_of(kRows));
    expect_rounded(half.dx, single.dx);
  });
}

// <align(x), dy> is linear in x, and dx is what x is multiplied with.
TEST_P(RoiAlignBackward, TheGradientIsTheAdjointOfTheForwardKernel) {
  RoiAlignData<double> data(problem(), real_boxes(problem()));
  data.dy.fill(reals("dy"));
  data.run(reference_of(kRows));
  for (const char* key : {"x", "another x"}) {
    data.x.fill(reals(key));
    data.run(reference_of(kForward));
    double forward = 0, backward = 0;
    for (int64_t i = 0; i < data.y.rows(); ++i)
      for (int c = 0; c < data.p.c; ++c) forward += data.y.at(i, c) * data.dy.at(i, c);
    for (int64_t i = 0; i < data.x.rows(); ++i)
      for (int c = 0; c < data.p.c; ++c) backward += data.x.at(i, c) * data.dx.at(i, c);
    // Some ten thousand terms below 1 in double precision.
    EXPECT_NEAR(forward, backward, 1e-11);
  }
}

}  // namespace
}  // namespace sf
