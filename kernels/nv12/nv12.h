// From decoded frames of 4:2:0 colour to packed RGB.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/kernel.h"

namespace sf {

struct Nv12Problem {
  int height = 1, width = 1;
  // Bytes from one row to the next.
  int64_t luma_bytes = 1, chroma_bytes = 2, rgb_bytes = 3;
  bool full_range = false;  // values 0 to 255, else luma 16 to 235 and chroma 16 to 240
};

// luma: height rows of width bytes. chroma: a row for two of these, in it Cb and Cr for two pixels
// in turn, so that 2 x 2 pixels share a pair. rgb: height rows of width pixels; BT.601, to the last
// bit as colour.h defines it.
struct Nv12Args {
  const uint8_t* luma = nullptr;
  const uint8_t* chroma = nullptr;
  uint8_t* rgb = nullptr;
};

using Nv12Kernel = Kernel<Nv12Problem, Nv12Args>;

// All agree bit for bit.
std::span<const Nv12Kernel> nv12_kernels(Backend backend);

}  // namespace sf
