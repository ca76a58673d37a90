// Convolutions as oneDNN describes them.
#pragma once

#include "kernels/base/onednn.h"
#include "kernels/conv3d/conv3d.h"

namespace sf::onednn {

// Channels-last memory as oneDNN names the axes: N C T H W.
inline Desc activation(DType dtype, int n, int c, int t, int h, int w) {
  return {Dims{n, c, t, h, w}, data_type(dtype), dnnl::memory::format_tag::ndhwc};
}

inline Dims weight_dims(const Conv3dProblem& p) {
  if (p.groups == 1) return {p.k, p.c, p.kt, p.kh, p.kw};
  return {p.groups, p.k / p.groups, p.c / p.groups, p.kt, p.kh, p.kw};
}

// K T H W C/groups seen through the axes of weight_dims().
inline Desc plain_weights(const Conv3dProblem& p, DType dtype) {
  const int64_t c = p.c / p.groups, w = c * p.kw, h = w * p.kh, k = h * p.kt;
  if (p.groups == 1) return strided(weight_dims(p), {k, 1, h, w, c}, dtype);
  return strided(weight_dims(p), {k * (p.k / p.groups), k, 1, h, w, c}, dtype);
}

// Dense activations; the primitive chooses the layout of the weights. Bias and dw are float32.
inline ConvolutionSizes convolution_sizes(const Conv3dProblem& p) {
  const auto triple = [](const std::array<int, 3>& v, int less) {
    return Dims{v[0] - less, v[1] - less, v[2] - less};
  };
  return {.x = activation(p.dtype, p.n, p.c, p.t, p.h, p.w),
          .w = any(weight_dims(p), p.dtype),
          .bias = p.bias ? strided({p.k}, {1}) : Desc(),
          .y = activation(p.dtype, p.n, p.k, p.out_t(), p.out_h(), p.out_w()),
          .dw = any(weight_dims(p)),
          .stride = triple(p.stride, 0),
          .dilation = triple(p.dilation, 1),
          .pad = triple(p.pad, 0)};
}

inline bool dense(const Conv3dProblem& p) { return p.x_pitch == p.c && p.y_pitch == p.k; }

}  // namespace sf::onednn
