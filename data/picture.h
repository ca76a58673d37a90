// A view of one 8-bit RGB picture.
#pragma once

#include <cstdint>

namespace sf {

// Rows of `width` pixels of 3 bytes (red, green, blue), `stride` bytes apart. Not owned.
struct Picture {
  const uint8_t* data = nullptr;
  int64_t stride = 0;
  int width = 0;
  int height = 0;

  const uint8_t* row(int64_t y) const { return data + y * stride; }
};

}  // namespace sf
