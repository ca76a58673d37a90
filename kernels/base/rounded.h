// Arithmetic that is rounded operation by operation on every machine.
#pragma once

#include "kernels/base/host_device.h"

namespace sf {

// a b, rounded also where a sum follows; nvcc would make one operation of both.
SF_HOST_DEVICE inline float rounded_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
SF_HOST_DEVICE inline double rounded_product(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

}  // namespace sf
