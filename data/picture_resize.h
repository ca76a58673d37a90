// Resizing of 8-bit pictures, byte for byte as OpenCV's resize() does with INTER_LINEAR.
#pragma once

#include <cstdint>
#include <vector>

#include "data/picture.h"
#include "data/picture_buffer.h"
#include "data/spatial.h"

namespace sf {

// Bilinear between the centres of pixels, without antialiasing, with weights of 11 bits; the mean
// of 2x2 pixels where both sides are halved. Computes `box` of the result alone.
class PictureResizer {
 public:
  // Throws if the box does not lie in `size`.
  PictureResizer(PictureSize source, PictureSize size, Box box);

  // The picture has the size of the source. The result lives until the next call. One thread at a
  // time.
  Picture run(const Picture& picture);

 private:
  // Between two pixels or rows of the source.
  struct Tap {
    int first = 0, second = 0;
    int first_weight = 0, second_weight = 0;  // of 2048
  };

  static std::vector<Tap> taps(int source, int size, int from, int count, bool rows);
  // A row of the source, resized and cut: box.width pixels of 3 values of 19 bits.
  void resize_row(const uint8_t* row, std::vector<int32_t>& out) const;
  void halve(const Picture& picture);

  PictureSize source_;
  Box box_;
  bool halves_;
  std::vector<Tap> columns_, rows_;
  std::vector<int32_t> above_, below_;  // resized rows of the source
  PictureBuffer out_;
};

}  // namespace sf
