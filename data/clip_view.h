// A view of one clip of three colours.
#pragma once

#include <cstdint>

namespace sf {

// frames x height x width x 3 floats (red, green, blue unless said otherwise) without padding. Not
// owned.
struct ClipView {
  float* data = nullptr;
  int64_t frames = 0;
  int height = 0;
  int width = 0;

  int64_t row_floats() const { return int64_t(width) * 3; }
  int64_t frame_floats() const { return height * row_floats(); }
  float* frame(int64_t t) const { return data + t * frame_floats(); }
};

}  // namespace sf
