#include "data/picture_resize.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr int kOne = 2048;  // a weight of 1

}  // namespace

PictureResizer::PictureResizer(PictureSize source, PictureSize size, Box box)
    : source_(source),
      box_(box),
      halves_(source.height == 2 * size.height && source.width == 2 * size.width) {
  check_box(size, box);
  SF_CHECK(source.height > 0 && source.width > 0, "resize: wanted a picture, found ", source.height,
           "x", source.width);
  if (!halves_) {
    columns_ = taps(source.width, size.width, box.x, box.width, false);
    rows_ = taps(source.height, size.height, box.y, box.height, true);
  }
  out_.resize(box.width, box.height);
}

// Positions in float64, rounded to float32 before they are split into a pixel and a share.
std::vector<PictureResizer::Tap> PictureResizer::taps(int source, int size, int from, int count,
                                                      bool rows) {
  const double scale = 1.0 / (double(size) / source);
  const auto weight = [](float share) { return int(std::nearbyint(share * float(kOne))); };
  std::vector<Tap> taps;
  for (int i = from; i < from + count; ++i) {
    const auto position = float((i + 0.5) * scale - 0.5);
    const auto below = int(std::floor(position));
    float share = position - float(below);
    // Beyond the last pixel both are the same; rows keep two weights then, which round apart.
    if (!rows && (below < 0 || below >= source - 1)) share = 0;
    taps.push_back({.first = std::clamp(below, 0, source - 1),
                    .second = std::clamp(below + 1, 0, source - 1),
                    .first_weight = weight(1 - share),
                    .second_weight = weight(share)});
  }
  return taps;
}

void PictureResizer::resize_row(const uint8_t* row, std::vector<int32_t>& out) const {
  out.resize(columns_.size() * 3);
  int32_t* to = out.data();
  for (const Tap& tap : columns_) {
    const uint8_t *a = row + 3 * int64_t(tap.first), *b = row + 3 * int64_t(tap.second);
    for (int c = 0; c < 3; ++c) *to++ = a[c] * tap.first_weight + b[c] * tap.second_weight;
  }
}

void PictureResizer::halve(const Picture& picture) {
  uint8_t* to = out_.data();
  for (int y = box_.y; y < box_.y + box_.height; ++y) {
    const uint8_t* above = picture.row(2 * int64_t(y)) + 6 * int64_t(box_.x);
    const uint8_t* below = picture.row(2 * int64_t(y) + 1) + 6 * int64_t(box_.x);
    for (int x = 0; x < box_.width; ++x, above += 6, below += 6)
      for (int c = 0; c < 3; ++c)
        *to++ = uint8_t((above[c] + above[c + 3] + below[c] + below[c + 3] + 2) >> 2);
  }
}

Picture PictureResizer::run(const Picture& picture) {
  SF_CHECK(picture.height == source_.height && picture.width == source_.width,
           "resize: wanted a picture of ", source_.height, "x", source_.width, ", found ",
           picture.height, "x", picture.width);
  if (halves_) {
    halve(picture);
    return out_.view();
  }
  int in_above = -1, in_below = -1;  // which rows of the source are resized
  uint8_t* to = out_.data();
  for (const Tap& tap : rows_) {
    if (tap.first == in_below) {
      std::swap(above_, below_);
      std::swap(in_above, in_below);
    }
    if (tap.first != in_above) resize_row(picture.row(in_above = tap.first), above_);
    if (tap.second != in_below) resize_row(picture.row(in_below = tap.second), below_);
    // 19 bits are cut to 15, and each product by 16 bits before the sum is rounded.
    for (size_t i = 0; i < above_.size(); ++i) {
      const int sum = ((tap.first_weight * (above_[i] >> 4)) >> 16) +
                      ((tap.second_weight * (below_[i] >> 4)) >> 16);
      *to++ = uint8_t((sum + 2) >> 2);
    }
  }
  return out_.view();
}

}  // namespace sf
