#include "kernels/reduce/reduce.h"

#include "kernels/reduce/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Filled with values that V holds.
template <class T, class V = T>
struct Data {
  SumPixelsProblem p;
  Rows<T> x, y;

  explicit Data(SumPixelsProblem problem)
      : p(problem),
        x(input<T>(p.pixels * p.repeat, p.c, p.x_pitch)),
        y(output<T>(p.pixels, p.c, p.y_pitch)) {
    p.dtype = dtype_of<T>;
    x.fill(reals<V>("x"));
  }
  void run(const SumPixelsKernel& kernel) {
    y = output<T>(p.pixels, p.c, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
  }
};

constexpr Table<SumPixelsProblem, SumPixelsArgs> kRows = sum_pixels_kernels;

class SumPixels : public ::testing::TestWithParam<Case<SumPixelsProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, SumPixels, ::testing::ValuesIn(sum_pixels_cases()),
                         [](const auto& info) { return info.param.name; });

// Values are multiples of 2^-23, so that sums in double precision are exact in every order.
TEST_P(SumPixels, EveryKernelEqualsTheDefinitionBitForBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    const SumPixelsProblem& p = data.p;
    Rows<T> wanted = data.y;
    wanted.fill([&](int64_t at) {
      double sum = 0;
      for (int64_t i = 0; i < p.repeat; ++i)
        sum += double(data.x.at(at / p.c * p.repeat + i, at % p.c));
      return sum;
    });
    for_runnable(kRows, {GetParam().name, data.p}, [&](const SumPixelsKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
      EXPECT_TRUE(data.y.guards_intact());
    });
  });
}

TEST_P(SumPixels, DoublePrecisionDiffersByOneRounding) {
  Data<float> single(GetParam().problem);
  Data<double> exact(GetParam().problem);
  single.run(reference_of(kRows));
  exact.run(reference_of(kRows));
  expect_within(single.y, exact.y,
                [&](int64_t i, int64_t c) { return kEps / 2 * std::abs(exact.y.at(i, c)); });
}

}  // namespace
}  // namespace sf
