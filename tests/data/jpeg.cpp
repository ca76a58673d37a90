#include "data/jpeg.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "golden.h"
#include "kernels/base/counter_rng.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

// See tests/golden/augmentation/opencv.py.
const Safetensors& golden_opencv() {
  static const Safetensors data =
      read_safetensors(golden_folder() / "augmentation/opencv.safetensors");
  return data;
}

bool equal(const Picture& picture, const Tensor& wanted) {
  return wanted.shape() == Shape{picture.height, picture.width, 3} &&
         std::memcmp(picture.data, wanted.data(), size_t(wanted.numel())) == 0;
}

std::string decoded(std::span<const std::byte> bytes) {
  PictureBuffer out;
  return message_of<Error>([&] { decode_jpeg(bytes, out); });
}

std::span<const std::byte> file_of(const char* name) {
  const Tensor& file = golden_opencv().at(cat("jpeg.", name));
  return {file.data(), size_t(file.numel())};
}

TEST(Jpeg, PixelsAreThoseOfOpenCv) {
  PictureBuffer picture;
  for (const char* name :
       {"444", "422", "420", "440", "411", "grey", "progressive", "restart", "dot"}) {
    decode_jpeg(file_of(name), picture);
    EXPECT_TRUE(equal(picture.view(), golden_opencv().at(cat("read.", name)))) << name;
  }
  read_jpeg(golden_folder() / "ava/frames/v_arm/v_arm_000121.jpg", picture);
  EXPECT_TRUE(equal(picture.view(), golden_opencv().at("read.frame")));
}

TEST(Jpeg, EveryCutIsNamedWithItsPath) {
  const HangGuard guard;
  const TemporaryFolder folder;
  for (const char* name : {"420", "progressive"}) {
    const auto file = file_of(name);
    // The last two bytes say that the picture ends.
    for (size_t length = 0; length + 2 < file.size(); ++length)
      EXPECT_NE(decoded(file.first(length)), "") << name << " cut at " << length;
  }
  const auto file = file_of("420");
  const std::string path =
      folder.write("cut.jpg", {reinterpret_cast<const char*>(file.data()), file.size() - 40});
  PictureBuffer out;
  EXPECT_EQ(message_of<Error>([&] { read_jpeg(path, out); }),
            path + ": wanted an intact JPEG picture: Premature end of JPEG file");
}

TEST(Jpeg, WhatIsNoPictureIsSaid) {
  const TemporaryFolder folder;
  PictureBuffer out;
  const auto message = [&](const std::string& content) {
    const std::string path = folder.write("a.jpg", content);
    const std::string text = message_of<Error>([&] { read_jpeg(path, out); });
    EXPECT_EQ(text.find(path + ": "), 0u);
    return text.substr(path.size() + 2);
  };
  EXPECT_EQ(message(""), "wanted a JPEG picture, found an empty file");
  EXPECT_EQ(message("GIF89a, a picture of another kind"),
            "wanted a JPEG picture, found none: Not a JPEG file: starts with 0x47 0x49");
  EXPECT_NE(message_of<Error>([&] { read_jpeg(folder.path() / "none.jpg", out); }), "");
  EXPECT_NE(message_of<Error>([&] { read_jpeg(folder.path(), out); }), "");
}

TEST(Jpeg, PicturesThatClaimTooManyPixelsAreRefusedBeforeTheyAreDecoded) {
  std::vector<std::byte> file(file_of("420").begin(), file_of("420").end());
  // The frame header: marker FFC0, length, precision, height, width.
  constexpr std::array kHeader{std::byte{0xFF}, std::byte{0xC0}};
  const auto at = std::ranges::search(file, kHeader).begin();
  ASSERT_NE(at, file.end());
  std::fill_n(at + 5, 4, std::byte{0xFE});
  EXPECT_EQ(decoded(file), "wanted a picture of at most 33554432 pixels, found 65278x65278");
}

TEST(Jpeg, MutatedFilesGiveAPictureOrALine) {
  const HangGuard guard;
  int64_t errors = 0, pictures = 0;
  for (const char* name : {"420", "progressive", "grey", "restart"}) {
    const auto file = file_of(name);
    const CounterRng rng(name);
    for (uint64_t i = 0; i < 500; ++i) {
      std::vector<std::byte> bytes(file.begin(), file.end());
      for (uint64_t k = 0; k < 3; ++k) {
        const uint64_t draw = rng.bits(3 * i + k);
        bytes[(draw >> 8) % bytes.size()] = std::byte(draw);
      }
      const std::string message = decoded(bytes);
      ++(message.empty() ? pictures : errors);
      EXPECT_TRUE(std::ranges::none_of(message, [](char c) { return uint8_t(c) < 0x20; }));
    }
  }
  EXPECT_GT(errors, 100);
  EXPECT_GT(pictures, 20);
}

}  // namespace
}  // namespace sf
