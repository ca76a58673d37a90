// What happens to a sum of products on its way to y: bias, residual, activation, one rounding.
#pragma once

#include "kernels/base/launch.h"
#include "kernels/conv3d/conv3d.h"

namespace sf::SF_DEVICE_NS {

template <class T>
struct Epilogue {
  const float* bias;  // null without
  const T* residual;  // null without
  T* y;
  int64_t residual_pitch, y_pitch;
  Activation activation;
  bool vectors;  // channels are stored kVec<T> together, aligned

  Epilogue(const Conv3dProblem& p, const Conv3dArgs& args)
      : bias(static_cast<const float*>(args.bias)),
        residual(static_cast<const T*>(args.residual)),
        y(static_cast<T*>(args.y)),
        residual_pitch(residual ? p.residual_pitch : 0),
        y_pitch(p.y_pitch),
        activation(p.activation),
        vectors(aligned_for_vectors<T>(p.k, {p.y_pitch, residual_pitch}, {y, residual})) {}

  // Channels k to k + kWidth of one pixel: aligned, for kWidth above 1.
  template <int kWidth>
  SF_DEVICE void store_channels(int pixel, int k, const float (&sum)[kWidth]) const {
    Vec<T, kWidth> addend{}, result;
    if (residual) addend = load<kWidth>(residual + pixel * residual_pitch + k);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      float value = sum[i];
      if (bias) value += load<1>(bias + k + i)[0];
      if (residual) value += float(addend[i]);
      result[i] = T(activate(activation, value));
    }
    store(y + pixel * y_pitch + k, result);
  }
};

}  // namespace sf::SF_DEVICE_NS
