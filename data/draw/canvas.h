// An RGB picture that is drawn on.
#pragma once

#include <cstdint>
#include <vector>

#include "data/picture.h"
#include "data/spatial.h"

namespace sf {

struct Colour {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
  friend bool operator==(const Colour&, const Colour&) = default;
};

// How much of each pixel a drawing covers, 0 to 255, in rows without gaps.
struct Mask {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> coverage = {};
};

// What is drawn outside of the picture is lost. Boxes count pixels; those without area draw
// nothing.
class Canvas {
 public:
  // Becomes a copy of the picture.
  void assign(const Picture& picture);
  // Valid until the next assign().
  Picture view() const { return {rgb_.data(), int64_t(width_) * 3, width_, height_}; }
  int width() const { return width_; }
  int height() const { return height_; }

  // opacity: 0 (nothing) to 1.
  void fill(Box box, Colour colour, double opacity = 1);
  // A frame of lines of that many pixels, within the box.
  void outline(Box box, int thickness, Colour colour);
  // The mask with its upper left corner at x, y.
  void stamp(const Mask& mask, int x, int y, Colour colour);

 private:
  uint8_t* pixel(int x, int y) { return rgb_.data() + (int64_t(y) * width_ + x) * 3; }
  // The part of the box that lies in the picture.
  Box visible(Box box) const;

  std::vector<uint8_t> rgb_;
  int width_ = 0;
  int height_ = 0;
};

}  // namespace sf
