#include "data/picture_resize.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include <gtest/gtest.h>

#include "golden.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

// See tests/golden/augmentation/opencv.py.
const Safetensors& golden_opencv() {
  static const Safetensors data =
      read_safetensors(golden_folder() / "augmentation/opencv.safetensors");
  return data;
}

PictureSize size_of(const Tensor& pixels) {
  return {int(pixels.shape()[0]), int(pixels.shape()[1])};
}

// Pixels between rows of padding.
struct Padded {
  std::vector<uint8_t> bytes;
  Picture picture;

  explicit Padded(const Tensor& pixels) {
    const auto [height, width] = size_of(pixels);
    const int64_t row = 3 * int64_t(width), stride = row + 5;
    bytes.assign(size_t(height * stride), 99);
    for (int64_t y = 0; y < height; ++y)
      std::copy_n(pixels.span<uint8_t>().begin() + y * row, row, bytes.begin() + y * stride);
    picture = {bytes.data(), stride, width, height};
  }
};

bool equal(const Picture& picture, const Tensor& all, Box box) {
  if (picture.height != box.height || picture.width != box.width) return false;
  for (int y = 0; y < box.height; ++y) {
    const int64_t at = (int64_t(box.y + y) * all.shape()[1] + box.x) * 3;
    if (std::memcmp(picture.row(y), all.data() + at, 3 * size_t(box.width)) != 0) return false;
  }
  return true;
}

TEST(PictureResize, EveryByteIsThatOfOpenCv) {
  int sizes = 0;
  for (const auto& [name, wanted] : golden_opencv().tensors) {
    const size_t slash = name.find('/');
    if (slash == name.npos) continue;
    const Padded from(golden_opencv().at("from." + name.substr(0, slash)));
    const PictureSize size = size_of(wanted);
    const Box all{0, 0, size.height, size.width};
    const PictureSize source{from.picture.height, from.picture.width};
    EXPECT_TRUE(equal(PictureResizer(source, size, all).run(from.picture), wanted, all)) << name;
    ++sizes;
  }
  EXPECT_EQ(sizes, 25);
}

TEST(PictureResize, ABoxIsThatPartOfTheWholeResult) {
  for (const char* name : {"noise/37x25", "noise/74x51", "even/20x12"}) {
    const std::string text = name;
    const Padded from(golden_opencv().at("from." + text.substr(0, text.find('/'))));
    const Tensor& wanted = golden_opencv().at(text);
    const PictureSize size = size_of(wanted);
    for (const Box box : {Box{3, 5, 7, 9}, Box{size.height - 4, size.width - 6, 4, 6}}) {
      PictureResizer resizer({from.picture.height, from.picture.width}, size, box);
      for (int again = 0; again < 2; ++again)
        EXPECT_TRUE(equal(resizer.run(from.picture), wanted, box)) << name;
    }
  }
}

TEST(PictureResize, MisuseIsSaid) {
  EXPECT_EQ(message_of<Error>([] {
              PictureResizer({4, 4}, {2, 2}, {1, 0, 2, 2});
            }),
            "crop: wanted a box within 2x2, found 2x2 at 1,0");
  PictureResizer resizer({4, 4}, {2, 2}, {0, 0, 2, 2});
  EXPECT_EQ(message_of<Error>([&] {
              resizer.run({nullptr, 12, 4, 5});
            }),
            "resize: wanted a picture of 4x4, found 5x4");
}

}  // namespace
}  // namespace sf
