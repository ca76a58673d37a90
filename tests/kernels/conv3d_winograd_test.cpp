// Convolutions with fewer products than the direct algorithm: windows are transformed before they
// are multiplied, or quarters of a matrix added up.
#include <algorithm>
#include <cmath>

#include "tests/kernels/conv3d_data.h"

namespace sf {
namespace {

using namespace sf::test;

// Of F(m, r): multiples of `whole` are transformed to whole numbers as weights, 0 where along two
// axes those and what they are multiplied with have more digits than float32, and `amplification`
// is the most that a row of |A^T| (|G| 1) . (|B^T| 1) adds up to.
struct Filtering {
  int whole;
  double amplification;
};
constexpr Filtering kNone{1, 1};
constexpr Filtering kF23{2, 8};
constexpr Filtering kF43{24, 48};
constexpr Filtering kF53{0, 4493 / 90.};
// Of a stride of two: that of every other tap and that of those between them.
constexpr Filtering kStridedF23{1, 4 + 1};
constexpr Filtering kStridedF43{6, 20 + 1};
// Of 7 taps, F(4, 4) and F(4, 3).
constexpr Filtering kStridedF47{0, 1019 / 18. + 22};
// Strassen's sums: 18 magnitudes at most for two values of the depth, one of each half.
constexpr Filtering kQuarters{1, 9};

struct WinogradRow {
  std::string_view name;
  Filtering t, h, w;
  double factors = 0;  // what rounds transformed windows and weights
  int phases = 1;      // of the stride, whose products are added up before outputs are made of them
  double error = 4e-6;  // the most that is measured on the whole, and some more

  int whole() const { return t.whole * h.whole * w.whole; }
  double amplification() const { return t.amplification * h.amplification * w.amplification; }
  // Added up at a position.
  int terms(const Conv3dProblem& p) const {
    const auto taps = [](const Filtering& axis, int all) {
      return axis.amplification == 1 ? all : 1;
    };
    return p.c * taps(t, p.kt) * taps(h, p.kh) * taps(w, p.kw);
  }
};
constexpr WinogradRow kRows[] = {{"winograd_t4", kF43, kNone, kNone},
                                 {"winograd_4x4", kNone, kF43, kF43},
                                 {"winograd_5x5", kNone, kF53, kF53, 0, 1, 6e-6},
                                 {"winograd_2x2", kNone, kF23, kF23},
                                 {"winograd_4x4_strided", kNone, kStridedF43, kStridedF43},
                                 {"winograd_2x2_strided", kNone, kStridedF23, kStridedF23},
                                 {"winograd_t2_bf16", kF23, kNone, kNone, 0x1p-9},
                                 {"stem_winograd", kNone, kStridedF47, kStridedF47, 0, 4},
                                 {"strassen", kQuarters, kNone, kNone}};

std::vector<Case<Conv3dProblem>> winograd_cases() {
  constexpr auto kRelu = Activation::relu;
  const std::vector<Case<Conv3dProblem>> dense_cases{
      {"plane", {.n = 2, .t = 3, .h = 9, .w = 10, .c = 16, .k = 32, .bias = true}},
      {"plane_of_7", {.h = 7, .w = 7, .c = 24, .k = 40, .activation = kRelu}},
      {"plane_of_one_pixel", {.t = 2, .h = 1, .w = 1, .c = 8, .k = 8}},
      {"plane_in_blocks", {.t = 5, .h = 31, .w = 32, .c = 8, .k = 16, .bias = true}},
      {"plane_with_residual", {.h = 8, .w = 6, .c = 32, .k = 272, .bias = true, .residual = true}},
      {"plane_all_at_once", {.t = 2, .h = 7, .w = 9, .c = 128, .k = 264, .bias = true}},
      {"strided", {.n = 2, .t = 3, .h = 9, .w = 10, .c = 16, .k = 32, .bias = true}},
      {"strided_of_14", {.h = 14, .w = 14, .c = 24, .k = 40, .activation = kRelu}},
      {"strided_of_one_pixel", {.t = 2, .h = 1, .w = 1, .c = 8, .k = 8}},
      {"strided_in_blocks", {.t = 5, .h = 62, .w = 63, .c = 8, .k = 16, .bias = true}},
      {"strided_all_at_once", {.t = 2, .h = 15, .w = 16, .c = 128, .k = 264, .bias = true}},
      {"strided_with_residual", {.h = 16, .w = 6, .c = 32, .k = 272, .residual = true}},
      {"time", {.t = 8, .h = 4, .w = 5, .c = 32, .k = 16, .bias = true, .activation = kRelu}},
      {"time_of_7", {.n = 2, .t = 7, .h = 3, .w = 3, .c = 24, .k = 40}},
      {"time_of_one_frame", {.t = 1, .h = 3, .w = 4, .c = 8, .k = 8, .bias = true}},
      {"time_in_blocks", {.t = 10, .h = 9, .w = 11, .c = 8, .k = 24, .bias = true}},
      {"time_all_at_once", {.t = 5, .h = 3, .w = 3, .c = 256, .k = 1032, .bias = true}},
      {"time_with_residual", {.t = 4, .h = 2, .w = 7, .c = 48, .k = 264, .residual = true}},
      {"pointwise", {.n = 2, .t = 3, .h = 4, .w = 5, .c = 16, .k = 32, .bias = true}},
      {"pointwise_of_one_pixel", {.t = 3, .h = 1, .w = 1, .c = 2, .k = 16, .activation = kRelu}},
      {"pointwise_of_7", {.n = 2, .t = 2, .h = 7, .w = 7, .c = 64, .k = 64, .residual = true}},
      {"pointwise_in_blocks", {.t = 2, .h = 31, .w = 33, .c = 26, .k = 80, .bias = true}},
      {"pointwise_with_residual",
       {.t = 2, .h = 9, .w = 7, .c = 34, .k = 272, .residual = true, .activation = kRelu}},
      {"pointwise_strided",
       {.t = 3, .h = 9, .w = 11, .c = 32, .k = 48, .stride = {2, 2, 2}, .bias = true}},
      {"pointwise_of_whole_pages", {.t = 2, .h = 9, .w = 9, .c = 1024, .k = 64, .bias = true}},
      {"stem",
       {.n = 2, .t = 9, .h = 17, .w = 75, .c = 3, .k = 8, .stride = {1, 2, 2}, .bias = true}},
      {"stem_of_few_frames", {.t = 3, .h = 9, .w = 8, .c = 4, .k = 24, .stride = {1, 2, 2}}},
      {"stem_of_every_third_frame",
       {.t = 11, .h = 6, .w = 37, .c = 1, .k = 16, .stride = {3, 2, 2}, .activation = kRelu}},
      {"frame", {.n = 2, .t = 3, .h = 33, .w = 150, .c = 3, .k = 24, .bias = true}},
      {"frame_of_whole_tiles", {.h = 64, .w = 128, .c = 3, .k = 64, .activation = kRelu}},
      {"frame_of_one_pixel", {.t = 2, .h = 1, .w = 1, .c = 4, .k = 8}},
      {"frame_with_residual", {.h = 9, .w = 31, .c = 1, .k = 40, .residual = true}},
      {"window_of_two_frames_without_padding",
       {.t = 5, .h = 20, .w = 29, .c = 2, .k = 48, .kt = 2, .kh = 7, .kw = 7, .stride = {1, 2, 2}}},
      {"window_in_padding",
       {.h = 5, .w = 12, .c = 3, .k = 16, .kh = 7, .kw = 7, .stride = {1, 2, 2}, .pad = {0, 9, 8}}},
      {"window_with_much_padding",
       {.h = 3,
        .w = 1,
        .c = 3,
        .k = 16,
        .kh = 7,
        .kw = 7,
        .stride = {1, 2, 2},
        .pad = {0, 3, 100}}},
      {"window_of_frames_apart",
       {.n = 2,
        .t = 9,
        .h = 70,
        .w = 9,
        .c = 4,
        .k = 32,
        .kt = 2,
        .kh = 7,
        .kw = 7,
        .stride = {4, 2, 2}}}};
  std::vector<Case<Conv3dProblem>> cases;
  for (auto [name, p] : dense_cases) {
    if (name.starts_with("plane"))
      p.kh = p.kw = 3, p.pad = {0, 1, 1};
    else if (name.starts_with("strided"))
      p.kh = p.kw = 3, p.pad = {0, 1, 1}, p.stride = {1, 2, 2};
    else if (name.starts_with("time"))
      p.kt = 3, p.pad = {1, 0, 0};
    else if (name.starts_with("frame"))
      p.kh = p.kw = 7, p.pad = {0, 3, 3}, p.stride = {1, 2, 2};
    else if (name.starts_with("stem"))
      p.kt = 5, p.kh = p.kw = 7, p.pad = {2, 3, 3};
    p.winograd = true;
    p = dense(p);
    cases.push_back({name, p});
    p.x_pitch += 3, p.y_pitch += 5, p.residual_pitch += 7;
    cases.push_back({name + "_pitched", p});
  }
  return cases;
}

class Conv3dWinograd : public ::testing::TestWithParam<Case<Conv3dProblem>> {};

INSTANTIATE_TEST_SUITE_P(Cases, Conv3dWinograd, ::testing::ValuesIn(winograd_cases()),
                         [](const auto& info) { return info.param.name; });

// Whether some row takes the case. Strassen's is for float32 alone.
bool has_row(const Conv3dProblem& p) {
  return p.dtype == DType::f32 || (p.dtype == DType::bf16 && p.kt * p.kh * p.kw > 1);
}

// f(kernel, row) for the rows of this page that can run the case, at least one.
template <class Args, class F>
void for_winograd_rows(Table<Conv3dProblem, Args> table, const Case<Conv3dProblem>& c, const F& f) {
  bool any = false;
  for_runnable(table, c, [&](const Kernel<Conv3dProblem, Args>& kernel) {
    const auto* row = std::ranges::find(kRows, kernel.name, &WinogradRow::name);
    if (row == std::end(kRows)) return;
    any = true;
    f(kernel, *row);
  });
  EXPECT_TRUE(any || !has_row(c.problem) || !wanted(Backend::cpu));
}

// Where the weights are such that their transforms are whole numbers, so is everything that is
// added up.
TEST_P(Conv3dWinograd, WholeNumbersGiveTheReference) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> wanted(GetParam().problem), found(GetParam().problem);
    for_winograd_rows(
        kConv3d, {GetParam().name, found.p}, [&](const auto& kernel, const WinogradRow& row) {
          if (row.whole() == 0) return;
          for (auto* data : {&wanted, &found}) {
            data->fill([](const char* key) { return integers(key, 1); });
            data->w.fill([&, ones = integers("w", 1)](int64_t i) { return row.whole() * ones(i); });
          }
          wanted.run(reference_of(kConv3d));
          found.run(kernel);
          expect_equal(found.y, wanted.y);
          EXPECT_TRUE(found.y.guards_intact());
        });
  });
}

// Of problems with rows for gradients: without stride, and not in front of a stem, where nothing
// learns.
std::vector<Case<Conv3dProblem>> gradient_cases() {
  auto cases = winograd_cases();
  std::erase_if(cases, [](const auto& c) {
    return c.problem.kw == 7 || c.problem.stride != std::array{1, 1, 1} ||
           c.name.starts_with("pointwise");
  });
  return cases;
}

class Conv3dWinogradGradient : public Conv3dWinograd {};

INSTANTIATE_TEST_SUITE_P(Cases, Conv3dWinogradGradient, ::testing::ValuesIn(gradient_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Conv3dWinogradGradient, OfWholeNumbersIsThatOfTheReference) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dGradients<T> wanted(GetParam().problem), found(GetParam().problem);
    const Case<Conv3dProblem> c{GetParam().name, found.p};
    for_winograd_rows(kConv3dData, c, [&](const auto& kernel, const WinogradRow& row) {
      for (auto* data : {&wanted, &found}) {
        data->fill([](const char* key) { return integers(key, 1); });
        data->w.fill([&, ones = integers("w", 1)](int64_t i) { return row.whole() * ones(i); });
      }
      wanted.run(reference_of(kConv3dData));
      found.run(kernel);
      expect_equal(found.dx, wanted.dx);
      EXPECT_TRUE(found.dx.guards_intact());
    });
  });
}

// With |x| and |w| at most 1 no sum of magnitudes is above the amplification for each term; it is
// rounded for each term, at most 8 times in each transform of an axis, once as a weight, and with
// bias and residual. Factors of bf16 are off by 2^-9 on top.
TEST_P(Conv3dWinograd, RealsStayWithinTheRoundingBound) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<double> wanted(GetParam().problem);
    wanted.fill(reals<T>).run(reference_of(kConv3d));
    Conv3dData<T> found(GetParam().problem);
    found.fill(reals<T>);
    for_winograd_rows(
        kConv3d, {GetParam().name, found.p}, [&](const auto& kernel, const WinogradRow& row) {
          found.run(kernel);
          const double terms = row.terms(found.p);
          const double magnitude = row.amplification() * terms + 2;
          const double sums = (row.phases * terms + 2 * (8 + 8) + 1 + 2) * kEps / 2;
          const double bound = (sums + 2 * row.factors + row.factors * row.factors) * magnitude;
          expect_within(found.y, wanted.y, [&](int64_t i, int64_t k) {
            return bound + rounding<T>(std::abs(wanted.y.at(i, k)) + bound);
          });
        });
  });
}

// What that bound leaves far below it: the root of the mean squared error against the result's, for
// reals of random signs. 1.4e-6 to 3.8e-6 was measured with 64 to 512 channels for
// F(4x4,3x3), 4.0e-6 with 128 for F(5x5,3x3), up to 1.9e-6 for stems, less for the others. bf16
// adds 2^-9 at most.
TEST(Conv3dWinogradErrors, AreSmallOnTheWhole) {
  for (auto c : winograd_cases()) {
    c.problem.activation = Activation::none;
    for_storage_types([&](auto type) {
      using T = decltype(type);
      Conv3dData<double> wanted(c.problem);
      wanted.fill(reals<T>).run(reference_of(kConv3d));
      Conv3dData<T> found(c.problem);
      found.fill(reals<T>);
      for_winograd_rows(
          kConv3d, {c.name, found.p}, [&](const auto& kernel, const WinogradRow& row) {
            found.run(kernel);
            double errors = 0, squares = 0;
            for (int64_t i = 0; i < found.y.rows(); ++i)
              for (int64_t k = 0; k < found.y.channels(); ++k) {
                errors += std::pow(double(found.y.at(i, k)) - wanted.y.at(i, k), 2);
                squares += std::pow(wanted.y.at(i, k), 2);
              }
            const double error = std::sqrt(errors / squares);
            EXPECT_LT(error, row.error + row.factors + (std::is_same_v<T, float> ? 0 : 0x1p-9));
          });
    });
  }
}

TEST_P(Conv3dWinograd, WhatTheWorkspaceHeldChangesNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dData<T> nans(GetParam().problem), zeros(GetParam().problem);
    nans.fill(reals<T>);
    zeros.fill(reals<T>);
    for_winograd_rows(kConv3d, {GetParam().name, nans.p},
                      [&](const auto& kernel, const WinogradRow&) {
                        nans.run(kernel, 0xFF);
                        zeros.run(kernel, 0);
                        expect_equal(nans.y, zeros.y);
                      });
  });
}

TEST_P(Conv3dWinograd, OtherClipsChangeNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Conv3dProblem clips = GetParam().problem;
    clips.n = 1;
    Conv3dData<T> alone(clips);
    clips.n = 5;
    Conv3dData<T> among(clips);
    alone.fill(reals<T>);
    among.fill(reals<T>);
    for_winograd_rows(kConv3d, {GetParam().name, among.p},
                      [&](const auto& kernel, const WinogradRow&) {
                        alone.run(kernel);
                        among.run(kernel);
                        for (int64_t i = 0; i < alone.y.rows(); ++i)
                          for (int64_t k = 0; k < alone.y.channels(); ++k)
                            ASSERT_EQ(alone.y.at(i, k), among.y.at(i, k)) << kernel.name;
                      });
  });
}

TEST(Conv3dWinogradTable, RowsTakeWhatTheProblemAllowsAndNothingElse) {
  Conv3dProblem p = winograd_cases()[0].problem;
  const auto taken = [](const Conv3dProblem& problem) {
    return std::ranges::any_of(kConv3d(Backend::cpu), [&](const Conv3dKernel& kernel) {
      return kernel.name.starts_with("winograd") && kernel.can_run(problem);
    });
  };
  EXPECT_TRUE(taken(p));
  const auto refused = [&](auto change) {
    Conv3dProblem changed = p;
    change(changed);
    return !taken(changed);
  };
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.winograd = false; }));
  EXPECT_FALSE(refused([](Conv3dProblem& q) { q.stride = {1, 2, 2}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.stride = {1, 2, 1}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.stride = {2, 2, 2}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.dilation = {1, 2, 2}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.pad = {0, 1, 0}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.kt = 3; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.c = 12; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.k = 12; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.groups = 2; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.sums = true; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.dtype = DType::f16; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.dtype = DType::f64; }));
}

TEST(Conv3dWinogradTable, StemsHaveTheRowOfTheirWindows) {
  const Conv3dProblem stem = dense({.t = 8,
                                    .h = 64,
                                    .w = 64,
                                    .c = 3,
                                    .k = 64,
                                    .kh = 7,
                                    .kw = 7,
                                    .stride = {1, 2, 2},
                                    .pad = {0, 3, 3},
                                    .winograd = true});
  const auto chosen = [&](auto change) {
    Conv3dProblem changed = stem;
    change(changed);
    return select(kConv3d(Backend::cpu), dense(changed))->name;
  };
  constexpr std::string_view kStem = "stem_winograd";
  EXPECT_EQ(chosen([](Conv3dProblem&) {}), kStem);
  EXPECT_EQ(chosen([](Conv3dProblem& q) { q.dtype = DType::bf16; }), kStem);
  EXPECT_EQ(chosen([](Conv3dProblem& q) { q.kt = 5, q.pad[0] = 2, q.k = 8; }), kStem);
  const auto row = std::ranges::find(kConv3d(Backend::cpu), kStem, &Conv3dKernel::name);
  const auto refused = [&](auto change) {
    Conv3dProblem changed = stem;
    change(changed);
    return !row->can_run(dense(changed));
  };
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.winograd = false; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.kw = 5; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.kh = 5; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.stride[1] = 1; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.stride[2] = 3; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.dilation = {1, 2, 1}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.c = 5; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.k = 12; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.groups = 3, q.k = 24; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.sums = true; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.dtype = DType::f16; }));
}

TEST(Conv3dWinogradTable, StrassenTakesPixelsOfManyChannels) {
  const Conv3dProblem pointwise =
      dense({.t = 4, .h = 14, .w = 14, .c = 256, .k = 1024, .winograd = true});
  constexpr std::string_view kStrassen = "strassen";
  EXPECT_EQ(select(kConv3d(Backend::cpu), pointwise)->name, kStrassen);
  const auto row = std::ranges::find(kConv3d(Backend::cpu), kStrassen, &Conv3dKernel::name);
  const auto refused = [&](auto change) {
    Conv3dProblem changed = pointwise;
    change(changed);
    return !row->can_run(dense(changed));
  };
  EXPECT_FALSE(refused([](Conv3dProblem& q) { q.stride = {1, 2, 2}; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.winograd = false; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.kt = 3, q.pad[0] = 1; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.c = 255; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.k = 1032; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.groups = 2; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.sums = true; }));
  EXPECT_TRUE(refused([](Conv3dProblem& q) { q.dtype = DType::bf16; }));
}

// Tiles past the end of a map are made, too.
TEST(Conv3dWinogradTable, OfPlanesTheOneWithFewerProductsIsTaken) {
  const auto chosen = [](int outputs) {
    Conv3dProblem p{.t = 8, .h = outputs, .w = outputs, .c = 128, .k = 128, .kh = 3, .kw = 3};
    p.pad = {0, 1, 1};
    p.winograd = true;
    return select(kConv3d(Backend::cpu), dense(p))->name;
  };
  for (const int outputs : {64, 14, 10}) EXPECT_EQ(chosen(outputs), "winograd_5x5");
  for (const int outputs : {56, 32, 28, 16, 8, 7}) EXPECT_EQ(chosen(outputs), "winograd_4x4");
}

TEST(Conv3dWinogradTable, OfStridedRowsTheOneWithFewerProductsIsTaken) {
  const auto chosen = [](int outputs) {
    Conv3dProblem p{.t = 8, .c = 128, .k = 128, .kh = 3, .kw = 3};
    p.h = p.w = 2 * outputs;
    p.stride = {1, 2, 2}, p.pad = {0, 1, 1};
    p.winograd = true;
    return select(kConv3d(Backend::cpu), dense(p))->name;
  };
  EXPECT_EQ(chosen(28), "winograd_4x4_strided");
  EXPECT_EQ(chosen(14), "winograd_2x2_strided");
  EXPECT_EQ(chosen(7), "winograd_4x4_strided");
  EXPECT_FALSE(chosen(5).starts_with("winograd"));
}

}  // namespace
}  // namespace sf
