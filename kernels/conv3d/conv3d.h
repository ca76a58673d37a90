// Convolution over time, height and width of channels-last activations.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "kernels/base/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// x is N T H W C, y and the residual N out_t out_h out_w K; a pitch counts elements from one pixel
// to the next, >= channels. The weights are dense K T H W C/groups, the bias K values of
// arithmetic_of(dtype). Triples are T, H, W.
struct Conv3dProblem {
  DType dtype = DType::f32;
  int n = 1, t = 1, h = 1, w = 1, c = 1;
  int k = 1;
  int kt = 1, kh = 1, kw = 1;
  std::array<int, 3> stride{1, 1, 1}, pad{0, 0, 0}, dilation{1, 1, 1};
  int groups = 1;
  bool bias = false, residual = false;
  Activation activation = Activation::none;
  int64_t x_pitch = 1, y_pitch = 1, residual_pitch = 1;
  bool tf32 = false;  // f32: x and w may be rounded to 10 bits of mantissa, for tensor cores
  // Forward and dx: windows may be transformed, and parts of x and w added up, before they are
  // multiplied, with fewer products and larger errors (README.md).
  bool winograd = false;
  bool sums = false;  // forward: sums of y over its pixels are wanted too

  int out_t() const { return extent(t, kt, 0); }
  int out_h() const { return extent(h, kh, 1); }
  int out_w() const { return extent(w, kw, 2); }
  int64_t out_pixels() const { return int64_t{n} * out_t() * out_h() * out_w(); }
  // Two for each multiply-add of the direct algorithm, padding included.
  double flops() const { return 2 * double(out_pixels() * k * kt * kh * kw * (c / groups)); }

 private:
  int extent(int in, int window, size_t axis) const {
    return (in + 2 * pad[axis] - dilation[axis] * (window - 1) - 1) / stride[axis] + 1;
  }
};

// y = activation(conv(x, w) + bias + residual). w is what pack() made where the kernel packs. The
// residual may be y itself with the same pitch; apart from that y overlaps nothing.
// A NaN may leave a fused ReLU as NaN (reference) or as 0 (oneDNN). Sums are those of y as it is
// stored, rounded to its type.
struct Conv3dArgs {
  const void* x = nullptr;
  const void* w = nullptr;
  const void* bias = nullptr;      // null without bias
  const void* residual = nullptr;  // null without residual
  void* y = nullptr;
  // Null without sums; 2 K: of y, then of y squared, of each channel. Where y is not finite, or
  // lies 1e19 apart, they may be infinite or NaN.
  double* sums = nullptr;
  double* count = nullptr;  // null without sums; of the pixels
};

using Conv3dKernel = Kernel<Conv3dProblem, Conv3dArgs>;

// Best first, the reference (every real type, everything) last. A prepared state serves one thread
// at a time.
std::span<const Conv3dKernel> conv3d_kernels(Backend backend);

// The implementation that oneDNN would choose, "brgconv:avx512_core" say; empty if it has none for
// the problem. Never throws.
std::string onednn_conv3d_implementation(const Conv3dProblem& p);

}  // namespace sf
