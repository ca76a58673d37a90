// Changes of 8-bit RGB pictures, byte for byte those that Pillow makes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/picture.h"

namespace sf {

enum class PictureChange {
  auto_contrast,  // stretch the values of each channel to all of [0, 255]
  equalize,       // spread the values of each channel evenly
  invert,
  rotate,        // by `amount` degrees counterclockwise about the middle
  posterize,     // keep the upper `amount` bits, 0 to 8
  solarize,      // invert the values from `amount` on
  solarize_add,  // add `amount` to the values below 128
  color,         // 0: grey, 1: unchanged, above: more colour; likewise the next three
  contrast,
  brightness,
  sharpness,
  shear_x,  // take a row from `amount` times its number further right, a column likewise below
  shear_y,
  translate_x,  // take all from `amount` times the width further right or the height below
  translate_y,
};

enum class Interpolation { nearest, bilinear, bicubic };

struct PictureOp {
  PictureChange change = PictureChange::invert;
  double amount = 0;
  Interpolation interpolation = Interpolation::bilinear;  // of the last five and of rotate
  friend bool operator==(const PictureOp&, const PictureOp&) = default;
};

// Writes height x width x 3 bytes, rows without padding, not onto the picture itself. What comes
// from outside of the picture is grey (128). Throws if the amount is beyond a million or the
// picture has a side of more than 16384 pixels.
void change_picture(const Picture& picture, const PictureOp& op, uint8_t* out);

// Applies several operations one after the other in buffers of its own. One thread at a time.
class PictureChanger {
 public:
  // The changed picture, until the next call; the picture itself if there are no operations.
  Picture run(const Picture& picture, std::span<const PictureOp> ops);

 private:
  std::vector<uint8_t> buffers_[2];
};

}  // namespace sf
