// What loaders are held to: one picture by the definition.
#pragma once

#include "data/spatial.h"
#include "tensor/tensor.h"

namespace sf {

// f32 H W C.
inline Tensor resample_reference(const Picture& picture, PictureSize size, Box box,
                                 const Normalization& n) {
  Tensor out({Shape{box.height, box.width, 3}, DType::f32});
  const ResampleProblem p{.in_height = picture.height,
                          .in_width = picture.width,
                          .row_bytes = picture.stride,
                          .height = size.height,
                          .width = size.width,
                          .top = box.y,
                          .left = box.x,
                          .out_height = box.height,
                          .out_width = box.width,
                          .mean = n.mean,
                          .std = n.std,
                          .reverse_channels = n.reverse_channels};
  resample_kernels(Backend::cpu)
      .back()
      .run(p, {.x = picture.data, .y = out.data()}, nullptr, nullptr, {});
  return out;
}

}  // namespace sf
