#include "data/picture_ops.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "golden.h"
#include "kernels/base/counter_rng.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

const std::map<std::string, PictureChange> kChanges{
    {"auto_contrast", PictureChange::auto_contrast},
    {"equalize", PictureChange::equalize},
    {"invert", PictureChange::invert},
    {"rotate", PictureChange::rotate},
    {"posterize", PictureChange::posterize},
    {"solarize", PictureChange::solarize},
    {"solarize_add", PictureChange::solarize_add},
    {"color", PictureChange::color},
    {"contrast", PictureChange::contrast},
    {"brightness", PictureChange::brightness},
    {"sharpness", PictureChange::sharpness},
    {"shear_x", PictureChange::shear_x},
    {"shear_y", PictureChange::shear_y},
    {"translate_x", PictureChange::translate_x},
    {"translate_y", PictureChange::translate_y},
};
const std::map<std::string, Interpolation> kInterpolations{
    {"-", Interpolation::bilinear},
    {"nearest", Interpolation::nearest},
    {"bilinear", Interpolation::bilinear},
    {"bicubic", Interpolation::bicubic},
};

// Pixels between rows of padding, as decoded frames have them.
struct Padded {
  std::vector<uint8_t> bytes;
  Picture picture;

  explicit Padded(const Tensor& pixels) {
    const int64_t height = pixels.shape()[0], row = pixels.shape()[1] * 3, stride = row + 7;
    bytes.assign(size_t(height * stride), 99);
    for (int64_t y = 0; y < height; ++y)
      std::copy_n(pixels.span<uint8_t>().begin() + y * row, row, bytes.begin() + y * stride);
    picture = {bytes.data(), stride, int(pixels.shape()[1]), int(height)};
  }
};

std::vector<uint8_t> changed(const Picture& p, const PictureOp& op) {
  std::vector<uint8_t> out(size_t(p.height) * size_t(p.width) * 3);
  change_picture(p, op, out.data());
  return out;
}

Tensor noise(int height, int width) {
  Tensor t({Shape{height, width, 3}, DType::u8});
  const CounterRng rng("noise");
  for (size_t i = 0; i < t.span<uint8_t>().size(); ++i) t.span<uint8_t>()[i] = uint8_t(rng.bits(i));
  return t;
}

TEST(PictureOps, EveryByteIsPillows) {
  const Safetensors golden =
      read_safetensors(golden_folder() / "augmentation/picture_ops.safetensors");
  std::map<PictureChange, int> seen;
  for (const auto& [name, wanted] : golden.tensors) {
    std::istringstream parts(name);
    std::string picture, change, amount, interpolation;
    std::getline(parts, picture, '/');
    if (picture.starts_with("from.")) continue;
    std::getline(parts, change, '/');
    std::getline(parts, amount, '/');
    std::getline(parts, interpolation, '/');
    const Padded from(golden.at("from." + picture));
    const PictureOp op{.change = kChanges.at(change),
                       .amount = amount == "-" ? 0 : std::stod(amount),
                       .interpolation = kInterpolations.at(interpolation)};
    const auto found = changed(from.picture, op);
    const auto bytes = wanted.span<uint8_t>();
    ASSERT_EQ(found.size(), bytes.size()) << name;
    size_t differing = 0, first = 0;
    for (size_t i = found.size(); i-- > 0;) {
      if (found[i] == bytes[i]) continue;
      ++differing;
      first = i;
    }
    EXPECT_EQ(differing, 0u) << name << ": byte " << first << " is " << int(found[first])
                             << " instead of " << int(bytes[first]);
    ++seen[op.change];
  }
  EXPECT_EQ(seen.size(), kChanges.size()) << "changes without golden data";
}

TEST(PictureOps, KeepingNoBitGivesBlackAsPillowOnceDid) {
  const Padded from(noise(3, 5));
  EXPECT_EQ(changed(from.picture, {.change = PictureChange::posterize, .amount = 0}),
            std::vector<uint8_t>(45, 0));
}

TEST(PictureOps, AChainIsOneAfterTheOther) {
  const Padded from(noise(13, 11));
  const PictureOp ops[] = {{.change = PictureChange::rotate, .amount = 20},
                           {.change = PictureChange::equalize},
                           {.change = PictureChange::sharpness, .amount = 1.7}};
  auto wanted = changed(from.picture, ops[0]);
  wanted = changed({wanted.data(), 33, 11, 13}, ops[1]);
  wanted = changed({wanted.data(), 33, 11, 13}, ops[2]);
  PictureChanger changer;
  for (int again = 0; again < 2; ++again) {
    const Picture found = changer.run(from.picture, ops);
    ASSERT_EQ(found.width, 11);
    ASSERT_EQ(found.height, 13);
    for (int y = 0; y < 13; ++y) {
      EXPECT_TRUE(std::equal(found.row(y), found.row(y) + 33, wanted.data() + 33 * y)) << y;
    }
  }
  EXPECT_EQ(changer.run(from.picture, {}).data, from.picture.data);
}

TEST(PictureOps, MisuseIsNamed) {
  const Padded from(noise(3, 4));
  EXPECT_THROW(changed(from.picture, {.change = PictureChange::color, .amount = 1e7}), Error);
  EXPECT_THROW(changed(from.picture, {.change = PictureChange::color, .amount = NAN}), Error);
  EXPECT_THROW(changed(from.picture, {.change = PictureChange::shear_x, .amount = 1e5}), Error);
  const Picture wide{from.bytes.data(), 0, 20000, 1};
  uint8_t nothing = 0;
  EXPECT_THROW(change_picture(wide, {.change = PictureChange::invert}, &nothing), Error);
}

}  // namespace
}  // namespace sf
