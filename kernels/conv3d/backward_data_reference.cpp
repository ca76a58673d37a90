// The definition, one input pixel after the other: any sizes, pitches and groups, f32 and f64.
#include <algorithm>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/backward_data.h"

namespace sf {
namespace {

// The output position along one axis whose window has tap `tap` at `in`, or -1.
int output_of(const Conv3dProblem& p, size_t axis, int in, int tap, int outputs) {
  const int position = in + p.pad[axis] - tap * p.dilation[axis];
  if (position < 0 || position % p.stride[axis] != 0) return -1;
  const int out = position / p.stride[axis];
  return out < outputs ? out : -1;
}

// Adds to the pixel dx what one output pixel dy sees of it through one tap, whose weights start at
// w.
template <class T>
void add_tap(const Conv3dProblem& p, const T* dy, const T* w, T* dx) {
  const int c_per_group = p.c / p.groups, k_per_group = p.k / p.groups;
  const int64_t taps = int64_t{p.kt} * p.kh * p.kw;
  for (int k = 0; k < p.k; ++k) {
    const T* weights = w + k * taps * c_per_group;
    T* to = dx + k / k_per_group * c_per_group;
    for (int c = 0; c < c_per_group; ++c) to[c] += dy[k] * weights[c];
  }
}

template <class T>
void backward_data(const Conv3dProblem& p, const Conv3dBackwardDataArgs& a) {
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  parallel_for(int64_t{p.n} * p.t * p.h * p.w, 8, [&](int64_t pixel) {
    const int w = int(pixel % p.w), h = int(pixel / p.w % p.h);
    const int t = int(pixel / p.w / p.h % p.t), n = int(pixel / p.w / p.h / p.t);
    T* dx = static_cast<T*>(a.dx) + pixel * p.x_pitch;
    std::fill(dx, dx + p.c, T(0));
    for (int i = 0; i < p.kt; ++i)
      for (int j = 0; j < p.kh; ++j)
        for (int l = 0; l < p.kw; ++l) {
          const int z = output_of(p, 0, t, i, out_t), y = output_of(p, 1, h, j, out_h),
                    x = output_of(p, 2, w, l, out_w);
          if (z < 0 || y < 0 || x < 0) continue;
          const int64_t out = ((int64_t{n} * out_t + z) * out_h + y) * out_w + x;
          const int64_t tap = (int64_t{i} * p.kh + j) * p.kw + l;
          add_tap(p, static_cast<const T*>(a.dy) + out * p.y_pitch,
                  static_cast<const T*>(a.w) + tap * (p.c / p.groups), dx);
        }
  });
}

bool can_run(const Conv3dProblem& p) { return is_arithmetic(p.dtype); }

void run(const Conv3dProblem& p, const Conv3dBackwardDataArgs& a, void*, void*, Queue) {
  with_arithmetic(p.dtype, [&](auto t) { backward_data<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
