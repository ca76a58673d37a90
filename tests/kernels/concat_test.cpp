#include "kernels/concat/concat.h"

#include "kernels/concat/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<CopyProblem, CopyArgs> kRows = copy_kernels;

template <class T>
void expect_copied(const CopyProblem& problem) {
  CopyProblem p = problem;
  p.dtype = dtype_of<T>;
  Rows<T> x(p.pixels, p.c, p.x_pitch, T(101.0F));
  x.fill([value = integers("x", 50)](int64_t i) { return value(i) + 50; });
  for_runnable(kRows, {"copy", p}, [&](const CopyKernel& kernel) {
    Rows<T> y(p.pixels, p.c, p.y_pitch, T(102.0F));
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
    expect_equal(y, x);
    EXPECT_TRUE(y.guards_intact());
  });
}

class CopyPixels : public ::testing::TestWithParam<Case<CopyProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, CopyPixels, ::testing::ValuesIn(copy_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(CopyPixels, EveryElementTypeArrivesAndGapsStay) {
  expect_copied<float>(GetParam().problem);
  expect_copied<double>(GetParam().problem);
  expect_copied<bf16>(GetParam().problem);
  expect_copied<f16>(GetParam().problem);
  expect_copied<uint8_t>(GetParam().problem);
  expect_copied<int64_t>(GetParam().problem);
  expect_copied<bf16>(GetParam().problem);
}

TEST(CopyPixelsValues, TwoCopiesMakeAConcatenation) {
  Rows<float> a = input<float>(50, 5, 5).fill(integers("a", 99));
  Rows<float> b = input<float>(50, 3, 4).fill(integers("b", 99));
  Rows<float> y = output<float>(50, 8, 8);
  const CopyKernel& kernel = copy_kernels(Backend::cpu)[0];
  run_kernel(kernel, {.pixels = 50, .c = 5, .x_pitch = 5, .y_pitch = 8},
             {.x = a.data(), .y = y.data()});
  run_kernel(kernel, {.pixels = 50, .c = 3, .x_pitch = 4, .y_pitch = 8},
             {.x = b.data(), .y = y.data() + 5});
  Rows<float> wanted = y;
  wanted.fill([&](int64_t i) { return i % 8 < 5 ? a.at(i / 8, i % 8) : b.at(i / 8, i % 8 - 5); });
  expect_equal(y, wanted);
}

TEST(CopyPixelsValues, TwoCopiesTakeAConcatenationApart) {
  Rows<float> dy = input<float>(50, 8, 9).fill(integers("dy", 99));
  Rows<float> da = output<float>(50, 5, 6), db = output<float>(50, 3, 3);
  const CopyKernel& kernel = copy_kernels(Backend::cpu)[0];
  run_kernel(kernel, {.pixels = 50, .c = 5, .x_pitch = 9, .y_pitch = 6},
             {.x = dy.data(), .y = da.data()});
  run_kernel(kernel, {.pixels = 50, .c = 3, .x_pitch = 9, .y_pitch = 3},
             {.x = dy.data() + 5, .y = db.data()});
  Rows<float> wanted_a = da, wanted_b = db;
  wanted_a.fill([&](int64_t i) { return dy.at(i / 5, i % 5); });
  wanted_b.fill([&](int64_t i) { return dy.at(i / 3, 5 + i % 3); });
  expect_equal(da, wanted_a);
  expect_equal(db, wanted_b);
  EXPECT_TRUE(da.guards_intact());
  EXPECT_TRUE(db.guards_intact());
}

}  // namespace
}  // namespace sf
