// Copies runs of channels from one pitch to another.
#pragma once

#include <cstdint>

#include "kernels/base/dtype.h"

namespace sf {

// `pixels` runs of c elements; a pitch counts elements from one run to the next, >= c. On all
// threads. y overlaps nothing.
void copy_pixels(DType dtype, int64_t pixels, int64_t c, const void* x, int64_t x_pitch, void* y,
                 int64_t y_pitch);

}  // namespace sf
