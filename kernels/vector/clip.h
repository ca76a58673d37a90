// The factor that clips a norm, for host and device.
#pragma once

#include <cmath>

#include "kernels/base/host_device.h"
#include "kernels/vector/vector.h"

namespace sf {

// Writes norm and factor of arrays whose squares add up to `sum`.
SF_HOST_DEVICE inline void clip_norm(double sum, double max_norm, const ClipNormArgs& a) {
  const double scale = a.scale ? *a.scale : 1, norm = scale * std::sqrt(sum);
  const double factor = max_norm / (norm + 1e-6);
  *a.norm = norm;
  *a.factor = max_norm <= 0 || factor >= 1 ? scale : scale * factor;
}

}  // namespace sf
