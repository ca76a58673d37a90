// The definition, one output value after the other: any sizes, pitches and groups, every real type.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {
namespace {

// Four sums side by side, since one sum waits for each addition before the next.
template <class T>
Arithmetic<T> dot(const T* x, const T* w, int n) {
  using A = Arithmetic<T>;
  A sum[4] = {};
  int i = 0;
  for (; i + 4 <= n; i += 4)
    for (int j = 0; j < 4; ++j) sum[j] += A(x[i + j]) * A(w[i + j]);
  for (; i < n; ++i) sum[0] += A(x[i]) * A(w[i]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// conv(x, w) at output channel o of sample n, with the window's corner at t0 h0 w0.
template <class T>
Arithmetic<T> window_sum(const Conv3dProblem& p, const Conv3dArgs& a, int n, int t0, int h0, int w0,
                         int o) {
  const int channels = p.c / p.groups;
  const int first = o / (p.k / p.groups) * channels;
  const T* weights = static_cast<const T*>(a.w) + int64_t{o} * p.kt * p.kh * p.kw * channels;
  Arithmetic<T> sum = 0;
  for (int i = 0; i < p.kt; ++i)
    for (int j = 0; j < p.kh; ++j)
      for (int l = 0; l < p.kw; ++l, weights += channels) {
        const int t = t0 + i * p.dilation[0], h = h0 + j * p.dilation[1],
                  w = w0 + l * p.dilation[2];
        if (t < 0 || t >= p.t || h < 0 || h >= p.h || w < 0 || w >= p.w) continue;
        const int64_t pixel = ((int64_t{n} * p.t + t) * p.h + h) * p.w + w;
        sum += dot(static_cast<const T*>(a.x) + pixel * p.x_pitch + first, weights, channels);
      }
  return sum;
}

template <class T>
void convolve(const Conv3dProblem& p, const Conv3dArgs& a) {
  using A = Arithmetic<T>;
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  parallel_for(p.out_pixels(), 8, [&](int64_t pixel) {
    const int w = int(pixel % out_w), h = int(pixel / out_w % out_h);
    const int t = int(pixel / out_w / out_h % out_t), n = int(pixel / out_w / out_h / out_t);
    for (int o = 0; o < p.k; ++o) {
      A value = window_sum<T>(p, a, n, t * p.stride[0] - p.pad[0], h * p.stride[1] - p.pad[1],
                              w * p.stride[2] - p.pad[2], o);
      if (p.bias) value += static_cast<const A*>(a.bias)[o];
      if (p.residual) value += A(static_cast<const T*>(a.residual)[pixel * p.residual_pitch + o]);
      static_cast<T*>(a.y)[pixel * p.y_pitch + o] = T(activate(p.activation, value));
    }
  });
}

// In double precision, pixel after pixel.
template <class T>
void sum_outputs(const Conv3dProblem& p, const Conv3dArgs& a) {
  *a.count = double(p.out_pixels());
  parallel_for(p.k, 1, [&](int64_t o) {
    double sum = 0, squares = 0;
    for (int64_t pixel = 0; pixel < p.out_pixels(); ++pixel) {
      const auto y = double(static_cast<const T*>(a.y)[pixel * p.y_pitch + o]);
      sum += y;
      squares += y * y;
    }
    a.sums[o] = sum;
    a.sums[p.k + o] = squares;
  });
}

bool can_run(const Conv3dProblem& p) { return is_real(p.dtype); }

void run(const Conv3dProblem& p, const Conv3dArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) {
    convolve<decltype(t)>(p, a);
    if (p.sums) sum_outputs<decltype(t)>(p, a);
  });
}

}  // namespace

extern constinit const Conv3dKernel kConv3dReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
