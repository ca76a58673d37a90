// From 8-bit pictures to what a network sees: normalised, resized, cropped, mirrored.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

struct ResampleProblem {
  DType dtype = DType::f32;  // of y
  int frames = 1;
  int in_height = 1, in_width = 1;
  int64_t row_bytes = 3, frame_bytes = 3;  // of x, from one to the next
  int height = 1, width = 1;               // of the whole picture after resizing
  int top = 0, left = 0;                   // where in that y lies
  int out_height = 1, out_width = 1;
  bool mirror = false;                               // left and right of y
  std::array<float, 3> mean{0, 0, 0}, std{1, 1, 1};  // red, green, blue
  bool reverse_channels = false;                     // y: blue, green, red
  int64_t y_pitch = 3;                               // elements from pixel to pixel
};

// x: pictures of packed RGB. y: frames x out_height x out_width pixels without gaps but for the
// pitch; its frame f shows picture frame[f]. Each value of x becomes (x / 255 - mean) / std and is
// then blended with its neighbours to the right and below: bilinear between the centres of pixels,
// without antialiasing (taps.h). All in float32, every operation rounded; then rounded to y's type.
struct ResampleArgs {
  const uint8_t* x = nullptr;
  const int* frame = nullptr;  // null: 0, 1, ...
  void* y = nullptr;
};

using ResampleKernel = Kernel<ResampleProblem, ResampleArgs>;

// Best first, the reference (f32, bf16, f16) last on the CPU. All agree bit for bit. A CPU kernel
// runs on the calling thread alone: the loaders of clips are many.
std::span<const ResampleKernel> resample_kernels(Backend backend);

}  // namespace sf
