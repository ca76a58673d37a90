// The colours of one pair of chroma values, for host and device.
#pragma once

#include <cstdint>

#include "kernels/base/host_device.h"

namespace sf {

// BT.601 with Kr = 0.299 and Kb = 0.114, in units of 2^-13:
//
//   R = l (Y - black) + 2 (1 - Kr) c Cr
//   G = l (Y - black) - 2 Kb (1 - Kb) / Kg c Cb - 2 Kr (1 - Kr) / Kg c Cr
//   B = l (Y - black) + 2 (1 - Kb) c Cb
//
// with Cb and Cr less 128, Kg = 0.587 and l = 255 / 219, c = 255 / 224, or 1 for the full range.
struct ColourMatrix {
  int black, luma, red_cr, green_cb, green_cr, blue_cb;
};

SF_HOST_DEVICE inline ColourMatrix bt601(bool full_range) {
  return full_range ? ColourMatrix{0, 8192, 11485, -2819, -5850, 14516}
                    : ColourMatrix{16, 9539, 13075, -3209, -6660, 16525};
}

// A value less its zero, times a factor, rounded down to a whole number.
SF_HOST_DEVICE inline int scaled(int value, int zero, int factor) {
  return (value - zero) * factor >> 13;
}

// What the chroma of a pixel adds to its luma.
struct Chroma {
  int red, green, blue;
};

SF_HOST_DEVICE inline Chroma chroma_of(const ColourMatrix& m, int cb, int cr) {
  return {scaled(cr, 128, m.red_cr), scaled(cb, 128, m.green_cb) + scaled(cr, 128, m.green_cr),
          scaled(cb, 128, m.blue_cb)};
}

SF_HOST_DEVICE inline uint8_t clamped(int value) {
  return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
}

// Writes the three bytes of one pixel.
SF_HOST_DEVICE inline void write_pixel(const ColourMatrix& m, int y, const Chroma& c,
                                       uint8_t* rgb) {
  const int luma = scaled(y, m.black, m.luma);
  rgb[0] = clamped(luma + c.red);
  rgb[1] = clamped(luma + c.green);
  rgb[2] = clamped(luma + c.blue);
}

}  // namespace sf
