#include "kernels/base/half.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace sf {
namespace {

template <class T>
class Half : public ::testing::Test {};
using Types = ::testing::Types<bf16, f16>;
TYPED_TEST_SUITE(Half, Types);

template <class T>
T from_bits(uint32_t bits) {
  T value;
  value.bits = uint16_t(bits);
  return value;
}

TYPED_TEST(Half, EveryPatternSurvivesFloat32) {
  for (uint32_t bits = 0; bits < 1 << 16; ++bits) {
    const float value = from_bits<TypeParam>(bits);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(float(TypeParam(value))));
    else
      ASSERT_EQ(TypeParam(value).bits, bits) << value;
  }
}

// Between two neighbours a and b: the middle goes to the even one, what is a little nearer to one
// of them goes there. The last pair is the largest number and infinity, whose place is where the
// next number would be.
TYPED_TEST(Half, RoundsToNearestEven) {
  const uint32_t infinity = TypeParam(std::numeric_limits<float>::infinity()).bits;
  for (uint32_t bits = 0; bits < infinity; ++bits) {
    const float a = from_bits<TypeParam>(bits);
    const double step = bits + 1 < infinity ? double(from_bits<TypeParam>(bits + 1)) - a
                                            : double(a) - from_bits<TypeParam>(bits - 1);
    const auto middle = float(a + step / 2);
    const uint32_t even = bits + (bits & 1);
    for (const float sign : {1.0F, -1.0F}) {
      const uint32_t top = sign < 0 ? 0x8000 : 0;
      ASSERT_EQ(TypeParam(sign * middle).bits, even | top) << middle;
      ASSERT_EQ(TypeParam(sign * std::nextafterf(middle, 0)).bits, bits | top) << middle;
      ASSERT_EQ(TypeParam(sign * std::nextafterf(middle, INFINITY)).bits, (bits + 1) | top)
          << middle;
    }
  }
}

TEST(Half, KnownValues) {
  EXPECT_EQ(bf16(1.0F).bits, 0x3F80);
  EXPECT_EQ(bf16(-2.5F).bits, 0xC020);
  EXPECT_EQ(f16(1.0F).bits, 0x3C00);
  EXPECT_EQ(f16(65504.0F).bits, 0x7BFF);
  EXPECT_EQ(f16(65520.0F).bits, 0x7C00);
  EXPECT_EQ(f16(0x1p-24F).bits, 1);
  EXPECT_EQ(float(from_bits<f16>(0x3555)), 0.333251953125F);
}

}  // namespace
}  // namespace sf
