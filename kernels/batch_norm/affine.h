// A batch normalisation as y = x scale + shift.
#pragma once

#include <cmath>

#include "kernels/base/host_device.h"
#include "kernels/batch_norm/batch_norm.h"

namespace sf {

// What channel i is multiplied with, in double precision.
template <class T>
SF_HOST_DEVICE double norm_scale(const void* gamma, const void* variance, double epsilon,
                                 int64_t i) {
  return double(static_cast<const T*>(gamma)[i]) /
         std::sqrt(double(static_cast<const T*>(variance)[i]) + epsilon);
}

// What is then added.
template <class T>
SF_HOST_DEVICE double norm_shift(const BatchNormArgs& a, double scale, int64_t i) {
  return double(static_cast<const T*>(a.beta)[i]) -
         double(static_cast<const T*>(a.mean)[i]) * scale;
}

}  // namespace sf
