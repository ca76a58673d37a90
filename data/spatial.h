// From 8-bit pictures to the normalised, resized and cropped pixels that a network sees.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "data/clip_view.h"
#include "data/picture.h"
#include "kernels/resample/resample.h"
#include "tensor/device_queue.h"

namespace sf {

// A pixel x of channel c becomes (x / 255 - mean[c]) / std[c] in float32.
struct Normalization {
  std::array<float, 3> mean{0.45f, 0.45f, 0.45f};  // red, green, blue
  std::array<float, 3> std{0.225f, 0.225f, 0.225f};
  bool reverse_channels = false;  // blue, green, red in the result
};

// Of a clip of values in [0, 1], in place: x of channel c becomes (x - mean[c]) / std[c].
void normalize(const ClipView& clip, const Normalization& normalization);

struct PictureSize {
  int height = 0;
  int width = 0;
  friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

// Part of a picture.
struct Box {
  int y = 0;
  int x = 0;
  int height = 0;
  int width = 0;
  friend bool operator==(const Box&, const Box&) = default;
};

// Throws if the box does not lie in a picture of that size.
void check_box(PictureSize size, Box box);

// The size whose shorter side is `size`; the longer one is floor(long / short * size) in float64.
PictureSize short_side_size(PictureSize original, int size);

// The square crop number 0, 1 or 2: left, middle and right, or top, middle and bottom of pictures
// that are taller than wide. The middle one starts at the ceiling of half the rest. Throws if the
// picture is smaller than the crop.
Box uniform_crop(PictureSize picture, int size, int index);

// The smallest box around all of `boxes`.
Box enclosing(std::span<const Box> boxes);

// The pixels of the picture that lie in the box. Throws if the box does not lie in the picture.
Picture part_of(const Picture& picture, Box box);

// Normalises a picture, resizes it to `size`, keeps `box` of the result and, if `mirror`, swaps its
// left and right, in this order: kernels/resample for one picture. Computes the box alone.
class Resampler {
 public:
  // Throws if the box does not lie in `size`. Pictures and results lie in memory of the queue's
  // device.
  Resampler(PictureSize source, PictureSize size, Box box, const Normalization& normalization,
            bool mirror = false, DeviceQueue queue = {});

  // Queues the writing of box.height x box.width x 3 floats. The picture has the size of the
  // source. One thread at a time.
  void run(const Picture& picture, float* out);

 private:
  ResampleProblem problem_;
  DeviceQueue queue_;
  const ResampleKernel* kernel_;
  std::shared_ptr<void> prepared_;
  std::vector<std::byte> workspace_;
};

}  // namespace sf
