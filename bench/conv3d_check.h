// Data for convolutions, and whether results on it are right.
#pragma once

#include "kernels/conv3d/conv3d.h"
#include "tensor/tensor.h"

namespace sf {

// Numbers that the problem's type holds exactly, in float32 on the host.
struct ConvolutionData {
  explicit ConvolutionData(const Conv3dProblem& problem);
  Tensor x, w, bias, residual;
};

// Samples of y, in float32 on the host, against exact sums. exact_kernel: as the kernel's row says.
bool close_to_exact(const Conv3dProblem& problem, const ConvolutionData& data, const Tensor& y,
                    bool exact_kernel);

// The gradients of <dy, conv(x, w)> by x and by w, times x and w, are all <dy, y>: what a gradient
// that is right gives, but for roundings, whose signs are random. y: conv(x, w).
bool close_to_adjoint(const Conv3dProblem& problem, const Tensor& gradient, const Tensor& by,
                      const Tensor& y, const Tensor& dy);

}  // namespace sf
