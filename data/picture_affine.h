// Affine resampling of 8-bit RGB pictures as Pillow's Image.transform does it.
#pragma once

#include <array>
#include <cstdint>

#include "data/picture.h"
#include "data/picture_ops.h"

namespace sf {

// A pixel whose centre is at x, y is taken from around m[0] x + m[1] y + m[2], m[3] x + m[4] y +
// m[5]; it is grey (128) where that lies outside of the picture. Bilinear and bicubic results are
// cut down to whole numbers. Bicubic is the spline of Keys (1981) with a = -1.
using AffineMatrix = std::array<double, 6>;

// Writes height x width x 3 bytes, rows without padding. Throws if a corner comes from more than
// 32767 pixels away.
void transform_affine(const Picture& picture, const AffineMatrix& matrix,
                      Interpolation interpolation, uint8_t* out);

// The matrix of Image.rotate: counterclockwise about the middle.
AffineMatrix rotation(double degrees, int width, int height);

}  // namespace sf
