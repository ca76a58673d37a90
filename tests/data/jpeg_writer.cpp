#include "data/jpeg_writer.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "data/jpeg.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

// A gradient, of which every JPEG is close: 17 x 11, rows 60 bytes apart.
std::vector<uint8_t> gradient() {
  std::vector<uint8_t> rgb(60 * 11);
  for (size_t y = 0; y < 11; ++y)
    for (size_t x = 0; x < 17; ++x)
      for (size_t c = 0; c < 3; ++c) rgb[y * 60 + x * 3 + c] = uint8_t(40 + 6 * x + 5 * y);
  return rgb;
}

TEST(JpegWriter, IsReadBackNearly) {
  const TemporaryFolder folder;
  const auto rgb = gradient();
  JpegEncoder encoder;
  write_jpeg(folder.path() / "a.jpg", encoder, {rgb.data(), 60, 17, 11}, 100);
  PictureBuffer back;
  read_jpeg(folder.path() / "a.jpg", back);
  ASSERT_EQ(back.view().width, 17);
  ASSERT_EQ(back.view().height, 11);
  for (int y = 0; y < 11; ++y)
    for (int x = 0; x < 17 * 3; ++x)
      // Quality 100 rounds coefficients and the change of colours to whole numbers, some levels in
      // all.
      EXPECT_NEAR(back.view().row(y)[x], rgb[size_t(y * 60 + x)], 4) << x << ", " << y;
}

TEST(JpegWriter, TheSamePictureGivesTheSameBytesAndLowerQualityFewer) {
  const auto rgb = gradient();
  const Picture picture{rgb.data(), 60, 17, 11};
  const auto bytes = [&](JpegEncoder& encoder, int quality) {
    const auto b = encoder.encode(picture, quality);
    return std::vector<std::byte>(b.begin(), b.end());
  };
  JpegEncoder one, other;
  const auto first = bytes(one, 95);
  EXPECT_LT(bytes(one, 10).size(), first.size());
  EXPECT_EQ(bytes(one, 95), first);
  EXPECT_EQ(bytes(other, 95), first);
}

TEST(JpegWriter, MisuseIsNamed) {
  const TemporaryFolder folder;
  const auto rgb = gradient();
  JpegEncoder encoder;
  EXPECT_THROW(encoder.encode({rgb.data(), 60, 17, 11}, 0), Error);
  EXPECT_THROW(encoder.encode({rgb.data(), 60, 0, 11}, 90), Error);
  EXPECT_NE(message_of<Error>([&] {
              write_jpeg(folder.path() / "no/a.jpg", encoder, {rgb.data(), 60, 17, 11}, 90);
            }).find("no/a.jpg"),
            std::string::npos);
}

}  // namespace
}  // namespace sf
