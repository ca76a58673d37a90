#include "kernels/roi_align/box_features.h"

#include "kernels/roi_align/cases.h"
#include "tests/kernels/roi_align_data.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<BoxFeaturesProblem, BoxFeaturesArgs> kRows = box_features_kernels;

template <class T>
struct BoxFeaturesData {
  template <class MakeBox>
  BoxFeaturesData(const BoxFeaturesProblem& problem, const MakeBox& make_box)
      : p(problem),
        align(problem.roi, make_box),
        x(input<T>(align.pixels() * p.t, p.roi.c, p.roi.x_pitch)),
        y(output<T>(p.roi.boxes, p.roi.c, p.roi.y_pitch)) {
    p.roi.dtype = dtype_of<T>;
  }

  void run(const BoxFeaturesKernel& kernel) {
    y = output<T>(p.roi.boxes, p.roi.c, p.roi.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .boxes = align.boxes.data(), .y = y.data()});
  }

  BoxFeaturesProblem p;
  RoiAlignData<T> align;  // of one frame: its boxes are taken
  Rows<T> x, y;
};

class BoxFeatures : public ::testing::TestWithParam<Case<BoxFeaturesProblem>> {
 protected:
  const BoxFeaturesProblem& problem() const { return GetParam().problem; }
};
INSTANTIATE_TEST_SUITE_P(Cases, BoxFeatures, ::testing::ValuesIn(box_features_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(BoxFeatures, EveryKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    BoxFeaturesData<T> data(problem(), dyadic_boxes(problem().roi));
    data.x.fill(integers("x", 99));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    ASSERT_TRUE(wanted.guards_intact());
    for_runnable(kRows, {GetParam().name, data.p}, [&](const BoxFeaturesKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
      EXPECT_TRUE(data.y.guards_intact());
    });
  });
}

// A mean of values below 1 is rounded t times; its weights add to 1 at most. The largest of values
// that are off by so much is not further off.
TEST_P(BoxFeatures, EveryKernelIsWithinRoundingOfTheReferenceOnRealBoxes) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    BoxFeaturesData<T> data(problem(), real_boxes(problem().roi));
    data.x.fill(reals<T>("x"));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    const double bound = (roundings(data.p.roi) + 2 * data.p.t) * kEps / 2;
    for_runnable(kRows, {GetParam().name, data.p}, [&](const BoxFeaturesKernel& kernel) {
      data.run(kernel);
      expect_within(data.y, wanted, [&](int64_t i, int64_t c) {
        return bound + 2 * rounding<T>(std::abs(double(wanted.at(i, c))) + bound);
      });
    });
  });
}

// What the head of a training computes in three steps, of whole numbers: means of each frame's
// values, bins by RoIAlign, the largest of them.
TEST_P(BoxFeatures, TheReferenceIsMeanRoiAlignAndLargest) {
  BoxFeaturesData<double> data(problem(), dyadic_boxes(problem().roi));
  data.x.fill(integers("x", 99));
  data.run(reference_of(kRows));
  RoiAlignData<double> align(problem().roi, dyadic_boxes(problem().roi));
  const int64_t plane = int64_t{data.p.roi.h} * data.p.roi.w, c = data.p.roi.c;
  align.x.fill([&](int64_t i) {
    double sum = 0;
    const int64_t pixel = i / c;
    for (int t = 0; t < data.p.t; ++t)
      sum += data.x.at((pixel / plane * data.p.t + t) * plane + pixel % plane, i % c);
    return sum / data.p.t;
  });
  align.run(reference_of(roi_align_kernels(Backend::cpu)));
  const int64_t bins = int64_t{data.p.roi.bins} * data.p.roi.bins;
  Rows<double> wanted = output<double>(data.p.roi.boxes, c, c);
  wanted.fill([&](int64_t i) {
    double largest = align.y.at(i / c * bins, i % c);
    for (int64_t b = 1; b < bins; ++b)
      largest = std::max(largest, align.y.at(i / c * bins + b, i % c));
    return largest;
  });
  expect_equal(data.y, wanted);
}

TEST(BoxFeaturesValues, ANanIsTheLargest) {
  const BoxFeaturesProblem p{
      .roi = {.h = 4, .w = 4, .c = 40, .boxes = 2, .bins = 2, .x_pitch = 40, .y_pitch = 40},
      .t = 2};
  BoxFeaturesData<float> data(p, [](int i, double* box) {
    const double corners[] = {0, 0.5, 0.5, 4.5, i == 0 ? 2.5 : 4.5};
    std::ranges::copy(corners, box);
  });
  data.x.fill([](int64_t) { return 1; });
  data.x.at(16 + 15, 7) = std::numeric_limits<float>::quiet_NaN();  // frame 1, the last pixel
  for_runnable(kRows, {"nan", data.p}, [&](const BoxFeaturesKernel& kernel) {
    data.run(kernel);
    for (int box = 0; box < 2; ++box)
      for (int c = 0; c < 40; ++c) EXPECT_EQ(std::isnan(data.y.at(box, c)), box == 1 && c == 7);
  });
}

}  // namespace
}  // namespace sf
