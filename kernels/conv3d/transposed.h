// The gradient by data as a convolution.
#pragma once

#include "kernels/conv3d/backward_data.h"

namespace sf {

// A weight is at first + k out + tap tap + c in, for output channel k and input channel c.
struct WeightStrides {
  int64_t first, out, tap, in;
};

inline WeightStrides plain_weights(const Conv3dProblem& p) {
  const int64_t taps = int64_t{p.kt} * p.kh * p.kw;
  return {.first = 0, .out = taps * p.c, .tap = p.c, .in = 1};
}

// The convolution of dy that gives dx, of problems without stride: channels change places, taps run
// backwards. Its padding may be negative.
inline Conv3dProblem transposed(const Conv3dProblem& p) {
  Conv3dProblem q = p;
  q.t = p.out_t(), q.h = p.out_h(), q.w = p.out_w();
  q.c = p.k, q.k = p.c;
  const int taps[] = {p.kt, p.kh, p.kw};
  for (size_t axis = 0; axis < 3; ++axis)
    q.pad[axis] = p.dilation[axis] * (taps[axis] - 1) - p.pad[axis];
  q.x_pitch = p.y_pitch, q.y_pitch = p.x_pitch;
  q.bias = q.residual = q.sums = false;
  q.activation = Activation::none;
  return q;
}

inline Conv3dArgs transposed(const Conv3dBackwardDataArgs& args) {
  return {.x = args.dy, .w = args.w, .y = args.dx};
}

// Where its weights are in those of p.
inline WeightStrides transposed_weights(const Conv3dProblem& p) {
  const int64_t taps = int64_t{p.kt} * p.kh * p.kw;
  return {.first = (taps - 1) * p.c, .out = 1, .tap = -int64_t{p.c}, .in = taps * p.c};
}

}  // namespace sf
