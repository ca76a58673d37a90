#include "kernels/nv12/nv12.h"

#include <cmath>

#include "kernels/nv12/cases.h"
#include "kernels/nv12/colour.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<Nv12Problem, Nv12Args> kRows = nv12_kernels;

// Noise, also in the gaps.
VisibleVector<uint8_t> plane(const char* name, int64_t bytes) {
  VisibleVector<uint8_t> all(size_t(bytes), 0);
  const CounterRng rng(name);
  for (size_t i = 0; i < all.size(); ++i) all[i] = uint8_t(rng.bits(i));
  return all;
}

Rows<uint8_t> converted(const Nv12Kernel& kernel, const Nv12Problem& p) {
  const auto luma = plane("luma", p.height * p.luma_bytes);
  const auto chroma = plane("chroma", (p.height + 1) / 2 * p.chroma_bytes);
  Rows<uint8_t> rgb(p.height, 3 * p.width, p.rgb_bytes, 77);
  run_kernel(kernel, p, {.luma = luma.data(), .chroma = chroma.data(), .rgb = rgb.data()});
  EXPECT_TRUE(rgb.guards_intact());
  return rgb;
}

class Nv12 : public ::testing::TestWithParam<Case<Nv12Problem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Nv12, ::testing::ValuesIn(nv12_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Nv12, EveryKernelEqualsTheReferenceBitForBit) {
  const auto wanted = converted(reference_of(kRows), GetParam().problem);
  for_runnable(kRows, GetParam(), [&](const Nv12Kernel& kernel) {
    expect_equal(converted(kernel, GetParam().problem), wanted);
  });
}

// The factors are those that the standard's two constants give, to the nearest.
TEST(Nv12Values, FactorsAreThoseOfBt601) {
  constexpr double kRed = 0.299, kBlue = 0.114, kGreen = 1 - kRed - kBlue;
  for (const bool full : {false, true}) {
    const double luma = 8192 * (full ? 1 : 255.0 / 219), chroma = 8192 * (full ? 1 : 255.0 / 224);
    const ColourMatrix m = bt601(full);
    EXPECT_EQ(m.luma, std::lround(luma));
    EXPECT_EQ(m.red_cr, std::lround(chroma * 2 * (1 - kRed)));
    EXPECT_EQ(m.blue_cb, std::lround(chroma * 2 * (1 - kBlue)));
    EXPECT_EQ(m.green_cb, std::lround(-chroma * 2 * kBlue * (1 - kBlue) / kGreen));
    EXPECT_EQ(m.green_cr, std::lround(-chroma * 2 * kRed * (1 - kRed) / kGreen));
  }
}

struct Colour {
  int y, cb, cr;
  bool full_range;
  std::vector<uint8_t> rgb;
};

TEST(Nv12Values, BlackWhiteAndPrimariesAreTheStandards) {
  // Y, Cb and Cr of BT.601, rounded; so red, green and blue come back within 2.
  const Colour colours[] = {
      {16, 128, 128, false, {0, 0, 0}},       {235, 128, 128, false, {255, 255, 255}},
      {81, 90, 240, false, {255, 0, 0}},      {145, 54, 34, false, {0, 255, 0}},
      {41, 240, 110, false, {0, 0, 255}},     {0, 128, 128, true, {0, 0, 0}},
      {255, 128, 128, true, {255, 255, 255}}, {76, 85, 255, true, {255, 0, 0}}};
  for (const Colour& c : colours) {
    const VisibleVector<uint8_t> luma{uint8_t(c.y)}, chroma{uint8_t(c.cb), uint8_t(c.cr)};
    for_runnable(kRows, {"pixel", {.full_range = c.full_range}}, [&](const Nv12Kernel& kernel) {
      VisibleVector<uint8_t> rgb(3, 77);
      run_kernel(kernel, Nv12Problem{.full_range = c.full_range},
                 {.luma = luma.data(), .chroma = chroma.data(), .rgb = rgb.data()});
      for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(rgb[i], c.rgb[i], 2) << c.y << " " << i;
    });
  }
}

}  // namespace
}  // namespace sf
