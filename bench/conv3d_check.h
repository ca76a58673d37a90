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

// Samples of a result, in float32 on the host, against exact sums. exact_kernel: as the kernel's
// row says. Gradients are those of <data.residual, conv(x, w)>.
bool close_to_exact(const Conv3dProblem& problem, const ConvolutionData& data, const Tensor& y,
                    bool exact_kernel);

bool close_by_data(const Conv3dProblem& problem, const ConvolutionData& data, const Tensor& dx,
                   bool exact_kernel);
bool close_by_weight(const Conv3dProblem& problem, const ConvolutionData& data, const Tensor& dw,
                     bool exact_kernel);

}  // namespace sf
