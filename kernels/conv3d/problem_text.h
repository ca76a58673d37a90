// Convolution problems as one line of text, for shape files.
#pragma once

#include <string>
#include <string_view>

#include "kernels/conv3d/conv3d.h"

namespace sf {

// "conv3d f32 n1 t8 h64 w64 c64 k64 kernel1x3x3 stride1x1x1 pad0x1x1 dilation1x1x1 groups1 bias
// residual relu tf32"; the last four only where they apply. Pitches are not part of it.
std::string to_text(const Conv3dProblem& problem);

// The problem of such a line, with dense pitches. Throws, naming the field, for other text and for
// sizes below 1.
Conv3dProblem parse_conv3d_problem(std::string_view line);

}  // namespace sf
