// The definition, one input pixel after the other: any sizes, pitches and groups, every real type.
#include <algorithm>
#include <array>

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

// f(output pixel, tap) for the output pixels that see input pixel `pixel`, each through one tap.
template <class F>
void for_outputs(const Conv3dProblem& p, int64_t pixel, const F& f) {
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  const int w = int(pixel % p.w), h = int(pixel / p.w % p.h);
  const int t = int(pixel / p.w / p.h % p.t), n = int(pixel / p.w / p.h / p.t);
  for (int i = 0; i < p.kt; ++i)
    for (int j = 0; j < p.kh; ++j)
      for (int l = 0; l < p.kw; ++l) {
        const int z = output_of(p, 0, t, i, out_t), y = output_of(p, 1, h, j, out_h),
                  x = output_of(p, 2, w, l, out_w);
        if (z < 0 || y < 0 || x < 0) continue;
        f(((int64_t{n} * out_t + z) * out_h + y) * out_w + x, (int64_t{i} * p.kh + j) * p.kw + l);
      }
}

constexpr int kChannels = 64;  // with sums side by side

// The gradients of channels [first, first + count) of one group.
template <class T>
void backward_channels(const Conv3dProblem& p, const Conv3dBackwardDataArgs& a, int64_t pixel,
                       int group, int first, int count) {
  using A = Arithmetic<T>;
  const int c_per_group = p.c / p.groups, k_per_group = p.k / p.groups;
  const int64_t taps = int64_t{p.kt} * p.kh * p.kw;
  std::array<A, kChannels> sums{};
  for_outputs(p, pixel, [&](int64_t out, int64_t tap) {
    const T* dy = static_cast<const T*>(a.dy) + out * p.y_pitch;
    for (int k = group * k_per_group; k < (group + 1) * k_per_group; ++k) {
      const T* w = static_cast<const T*>(a.w) + (k * taps + tap) * c_per_group + first;
      for (int c = 0; c < count; ++c) sums[size_t(c)] += A(dy[k]) * A(w[c]);
    }
  });
  T* dx = static_cast<T*>(a.dx) + pixel * p.x_pitch + group * c_per_group + first;
  std::transform(sums.begin(), sums.begin() + count, dx, [](A sum) { return T(sum); });
}

template <class T>
void backward_data(const Conv3dProblem& p, const Conv3dBackwardDataArgs& a) {
  const int channels = p.c / p.groups;
  parallel_for(int64_t{p.n} * p.t * p.h * p.w, 8, [&](int64_t pixel) {
    for (int group = 0; group < p.groups; ++group)
      for (int first = 0; first < channels; first += kChannels)
        backward_channels<T>(p, a, pixel, group, first, std::min(kChannels, channels - first));
  });
}

bool can_run(const Conv3dProblem& p) { return is_real(p.dtype); }

void run(const Conv3dProblem& p, const Conv3dBackwardDataArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward_data<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
