// This tool's own layout of the 128-byte CUtensorMap: written by the driver stand-in, read by the
// kernels.
#pragma once

#include <cstdint>

namespace ptxrun {

struct TensorMap {
  uint64_t magic;
  uint64_t reserved;  // stays zero and unread: CUTLASS clears a bit of it for small im2col tensors
  uint64_t base;
  uint64_t stride[4];  // bytes, from dimension 1
  uint32_t extent[5];
  uint16_t box[5];  // im2col: channels, pixels
  uint8_t element_stride[5];
  int16_t low[3], high[3];  // corners of the im2col bounding box
  uint8_t rank, element_size, is_im2col, swizzle, fill_nan, type;
};
static_assert(sizeof(TensorMap) <= 128);

constexpr uint64_t kTensorMapMagic = 0x70616d54784c5450;

}  // namespace ptxrun
