#include "data/draw/canvas.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"

namespace sf {
namespace {

uint8_t mixed(uint8_t below, uint8_t above, int coverage) {
  return uint8_t((below * (255 - coverage) + above * coverage + 127) / 255);
}

void paint(uint8_t* pixel, Colour colour, int coverage) {
  pixel[0] = mixed(pixel[0], colour.red, coverage);
  pixel[1] = mixed(pixel[1], colour.green, coverage);
  pixel[2] = mixed(pixel[2], colour.blue, coverage);
}

}  // namespace

void Canvas::assign(const Picture& picture) {
  width_ = picture.width;
  height_ = picture.height;
  rgb_.resize(size_t(width_) * size_t(height_) * 3);
  for (int y = 0; y < height_; ++y)
    std::copy_n(picture.row(y), int64_t(width_) * 3, rgb_.data() + int64_t(y) * width_ * 3);
}

Box Canvas::visible(Box box) const {
  // 64 bits: x + width of a box may be more than an int holds.
  const int x = std::clamp(box.x, 0, width_), y = std::clamp(box.y, 0, height_);
  const auto right = int(std::clamp<int64_t>(int64_t(box.x) + box.width, x, width_));
  const auto bottom = int(std::clamp<int64_t>(int64_t(box.y) + box.height, y, height_));
  return {.y = y, .x = x, .height = bottom - y, .width = right - x};
}

void Canvas::fill(Box box, Colour colour, double opacity) {
  const Box part = visible(box);
  const auto coverage = int(std::lround(std::clamp(opacity, 0.0, 1.0) * 255));
  for (int y = part.y; y < part.y + part.height; ++y)
    for (int x = part.x; x < part.x + part.width; ++x) paint(pixel(x, y), colour, coverage);
}

void Canvas::outline(Box box, int thickness, Colour colour) {
  const int across = std::min(thickness, box.width), down = std::min(thickness, box.height);
  fill({box.y, box.x, down, box.width}, colour);
  fill({box.y + box.height - down, box.x, down, box.width}, colour);
  fill({box.y, box.x, box.height, across}, colour);
  fill({box.y, box.x + box.width - across, box.height, across}, colour);
}

void Canvas::stamp(const Mask& mask, int x, int y, Colour colour) {
  SF_CHECK(mask.coverage.size() == size_t(mask.width) * size_t(mask.height), "mask: wanted ",
           mask.width, "x", mask.height, " values, found ", mask.coverage.size());
  const Box part = visible({.y = y, .x = x, .height = mask.height, .width = mask.width});
  for (int to_y = part.y; to_y < part.y + part.height; ++to_y) {
    const uint8_t* row = mask.coverage.data() + int64_t(to_y - y) * mask.width;
    for (int to_x = part.x; to_x < part.x + part.width; ++to_x)
      paint(pixel(to_x, to_y), colour, row[to_x - x]);
  }
}

}  // namespace sf
