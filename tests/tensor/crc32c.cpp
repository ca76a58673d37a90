#include "tensor/crc32c.h"

#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/counter_rng.h"

namespace sf {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(Crc32c, HasThePublishedValues) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c_by_table(bytes_of("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  // RFC 3720, B.4: 32 bytes of zeros, and of ones.
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0})), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xFF})), 0x62A8AB43u);
}

TEST(Crc32c, TableAndInstructionAgreeAtEveryLengthAndOffset) {
  std::vector<std::byte> data(300);
  const CounterRng rng("crc32c");
  for (size_t i = 0; i < data.size(); ++i) data[i] = std::byte(rng.bits(i));
  for (size_t offset = 0; offset < 9; ++offset) {
    for (size_t length = 0; length + offset <= data.size(); ++length) {
      const auto part = std::span(data).subspan(offset, length);
      ASSERT_EQ(crc32c(part), crc32c_by_table(part)) << offset << " " << length;
    }
  }
}

TEST(Crc32c, ContinuesWhereTheFormerPartEnded) {
  const auto whole = bytes_of("a checkpoint in two parts");
  for (size_t cut = 0; cut <= whole.size(); ++cut)
    EXPECT_EQ(crc32c(whole.subspan(cut), crc32c(whole.first(cut))), crc32c(whole));
}

}  // namespace
}  // namespace sf
