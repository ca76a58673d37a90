// The gradient of a ReLU, for vectors of channels.
#pragma once

#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

// dy where the activation passed y, else 0; keeps the gradient of a NaN.
template <class T, int N>
SF_DEVICE Vec<T, N> through_relu(const Vec<T, N>& y, Vec<T, N> dy) {
#pragma unroll
  for (int k = 0; k < N; ++k)
    if (float(y[k]) <= 0) dy[k] = T(0.0F);
  return dy;
}

}  // namespace sf::SF_DEVICE_NS
