// The rows of cuDNN in the tables of the convolution.
#pragma once

#include <string_view>

#include "tests/cudnn/host_library.h"
#include "tests/kernels/conv3d_data.h"

namespace sf::test {

template <class Args>
const Kernel<Conv3dProblem, Args>& cudnn_row(Table<Conv3dProblem, Args> table, bool tf32 = false) {
  for (const auto& row : table(Backend::cuda))
    if (row.name == std::string_view(tf32 ? "cudnn_tf32" : "cudnn")) return row;
  throw Error("wanted a row of cudnn, found none");
}

inline bool is_dense(const Conv3dProblem& p) {
  return p.x_pitch == p.c && p.y_pitch == p.k && p.residual_pitch == p.k;
}

// That has neither bias nor what follows it: all that the gradients take.
inline Conv3dProblem plain(Conv3dProblem p) {
  p.bias = p.residual = false;
  p.activation = Activation::none;
  return p;
}

}  // namespace sf::test
