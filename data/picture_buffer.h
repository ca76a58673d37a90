// One 8-bit RGB picture with its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/picture.h"

namespace sf {

// Rows without padding. Keeps its memory when it becomes smaller.
class PictureBuffer {
 public:
  // Contents undefined.
  void resize(int width, int height) {
    width_ = width;
    height_ = height;
    bytes_.resize(size_t(height) * size_t(width) * 3);
  }

  uint8_t* data() { return bytes_.data(); }
  // Until the next call of resize().
  Picture view() const { return {bytes_.data(), int64_t(width_) * 3, width_, height_}; }

 private:
  std::vector<uint8_t> bytes_;
  int width_ = 0;
  int height_ = 0;
};

}  // namespace sf
