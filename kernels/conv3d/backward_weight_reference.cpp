// The definition, the weights of one output channel and tap after the other: any sizes, pitches and
// groups, every real type.
#include <algorithm>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/backward_weight.h"

namespace sf {
namespace {

template <class T>
void backward_weight(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& a) {
  using A = Arithmetic<T>;
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  const int channels = p.c / p.groups, taps = p.kt * p.kh * p.kw;
  parallel_for(int64_t{p.k} * taps, 1, [&](int64_t row) {
    const int k = int(row / taps), tap = int(row % taps);
    const int first = k / (p.k / p.groups) * channels;
    const int i = tap / p.kw / p.kh, j = tap / p.kw % p.kh, l = tap % p.kw;
    A* dw = static_cast<A*>(a.dw) + row * channels;
    std::fill(dw, dw + channels, A(0));
    for (int64_t pixel = 0; pixel < p.out_pixels(); ++pixel) {
      const int64_t n = pixel / out_w / out_h / out_t;
      const int64_t t = pixel / out_w / out_h % out_t * p.stride[0] - p.pad[0] + i * p.dilation[0];
      const int64_t h = pixel / out_w % out_h * p.stride[1] - p.pad[1] + j * p.dilation[1];
      const int64_t w = pixel % out_w * p.stride[2] - p.pad[2] + l * p.dilation[2];
      if (t < 0 || t >= p.t || h < 0 || h >= p.h || w < 0 || w >= p.w) continue;
      const int64_t from = ((n * p.t + t) * p.h + h) * p.w + w;
      const T* x = static_cast<const T*>(a.x) + from * p.x_pitch + first;
      const A dy = A(static_cast<const T*>(a.dy)[pixel * p.y_pitch + k]);
      for (int c = 0; c < channels; ++c) dw[c] += dy * A(x[c]);
    }
  });
}

template <class T>
void backward_bias(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& a) {
  using A = Arithmetic<T>;
  A* dbias = static_cast<A*>(a.dbias);
  std::fill(dbias, dbias + p.k, A(0));
  for (int64_t pixel = 0; pixel < p.out_pixels(); ++pixel)
    for (int k = 0; k < p.k; ++k) dbias[k] += A(static_cast<const T*>(a.dy)[pixel * p.y_pitch + k]);
}

bool can_run(const Conv3dProblem& p) { return is_real(p.dtype); }

void run(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) {
    backward_weight<decltype(t)>(p, a);
    if (p.bias) backward_bias<decltype(t)>(p, a);
  });
}

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
