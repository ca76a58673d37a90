#include "kernels/cast/cast.h"

#include "kernels/cast/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<CastProblem, CastArgs> kRows = cast_kernels;

class Cast : public ::testing::TestWithParam<Case<CastProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Cast, ::testing::ValuesIn(cast_cases()),
                         [](const auto& info) { return info.param.name; });

// f(From{}, To{}) for every pair of real types.
template <class F>
void for_pairs(const F& f) {
  for (const DType from : {DType::f32, DType::f64, DType::bf16, DType::f16})
    for (const DType to : {DType::f32, DType::f64, DType::bf16, DType::f16}) {
      SCOPED_TRACE(cat(from, " to ", to));
      with_real(from, [&](auto a) { with_real(to, [&](auto b) { f(a, b); }); });
    }
}

TEST_P(Cast, EveryKernelRoundsToNearestEven) {
  for_pairs([&](auto from, auto to) {
    using From = decltype(from);
    using To = decltype(to);
    CastProblem p = GetParam().problem;
    p.from = dtype_of<From>;
    p.to = dtype_of<To>;
    Rows<From> x = input<From>(p.pixels, p.c, p.x_pitch).fill(reals("x"));
    Rows<To> wanted = output<To>(p.pixels, p.c, p.y_pitch);
    wanted.fill([&](int64_t i) { return x.at(i / p.c, i % p.c); });  // see half_test
    for_runnable(kRows, {GetParam().name, p}, [&](const CastKernel& kernel) {
      Rows<To> y = output<To>(p.pixels, p.c, p.y_pitch);
      run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
      expect_equal(y, wanted);
      EXPECT_TRUE(y.guards_intact());
    });
  });
}

// Ties, the largest numbers, infinities, subnormals and NaN, in vectors of every width.
TEST(CastValues, EveryUpperHalfAndWhatLiesBehindItRoundsAsTheScalarType) {
  constexpr int kWidth = 31;
  constexpr uint32_t kLower[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};
  for (const uint32_t lower : kLower) {
    const int64_t pixels = (1 << 16) / kWidth + 1;
    const CastProblem p{.pixels = pixels, .c = kWidth, .x_pitch = kWidth, .y_pitch = kWidth + 2};
    Rows<float> x = input<float>(pixels, kWidth, kWidth);
    for (int64_t i = 0; i < pixels * kWidth; ++i)
      x.at(i / kWidth, i % kWidth) = float_of(uint32_t(i) << 16 | lower);
    for_runnable(kRows, {cat("lower ", lower), p}, [&](const CastKernel& kernel) {
      Rows<bf16> y = output<bf16>(pixels, kWidth, kWidth + 2);
      run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
      for (int64_t i = 0; i < pixels * kWidth; ++i)
        ASSERT_EQ(y.at(i / kWidth, i % kWidth).bits, bf16(x.at(i / kWidth, i % kWidth)).bits)
            << std::hex << (uint32_t(i) << 16 | lower);
    });
  }
}

}  // namespace
}  // namespace sf
