// A thread a vector of channels of one input pixel, which collects from the windows that see it: no
// two threads write to one place, and the sums have one order. Before that, for a maximum, a thread
// a vector of one output notes in the workspace which tap of its window it chose.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/pool3d/backward.h"
#include "kernels/pool3d/place.h"

namespace sf {

SF_DEVICE_TABLE(Pool3dBackwardKernel, pool3d_backward_kernels)

namespace SF_DEVICE_NS {
namespace {

// Number of a tap, from its distance to the corner of the whole window, padding included.
SF_DEVICE int tap_of(const Pool3dProblem& p, int i, int j, int l) {
  return (i * p.window[1] + j) * p.window[2] + l;
}

template <class Tap, class T, int kWidth>
__global__ void __launch_bounds__(kPoolThreads, kPoolBlocks)
    choose_kernel(Pool3dProblem p, PoolExtent out, const T* x, Tap* taps) {
  const PoolPlace at(out);
  if (!at.inside) return;
  const PoolRange t = pool_range(p, 0, p.t, at.t), h = pool_range(p, 1, p.h, at.h),
                  w = pool_range(p, 2, p.w, at.w);
  const int t0 = window_start(p, 0, at.t), h0 = window_start(p, 1, at.h),
            w0 = window_start(p, 2, at.w);
  float largest[kWidth];
  int best[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    largest[k] = float_of(0xFF800000);  // -inf
    best[k] = tap_of(p, t.first - t0, h.first - h0, w.first - w0);
  }
  x += at.vector * kWidth;
  for (int i = t.first; i < t.last; ++i)
    for (int j = h.first; j < h.last; ++j) {
      const T* row = x + ((int64_t(at.n) * p.t + i) * p.h + j) * p.w * p.x_pitch;
#pragma unroll 3
      for (int l = w.first; l < w.last; ++l) {
        const auto v = load<kWidth>(row + l * p.x_pitch);
        const int tap = tap_of(p, i - t0, j - h0, l - w0);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          const float value = v[k];
          if (value > largest[k] || value != value) largest[k] = value, best[k] = tap;
        }
      }
    }
  Vec<Tap, kWidth> chosen;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) chosen[k] = Tap(best[k]);
  store(taps + at.pixel * p.c + at.vector * kWidth, chosen);
}

// f(out pixel, t, h, w) for the outputs whose windows see the pixel, in that order.
template <class F>
SF_DEVICE void for_covering(const Pool3dProblem& p, const PoolExtent& out, const PoolPlace& at,
                            const F& f) {
  const PoolRange t = covering_range(p, 0, out.t, at.t), h = covering_range(p, 1, out.h, at.h),
                  w = covering_range(p, 2, out.w, at.w);
  for (int i = t.first; i < t.last; ++i)
    for (int j = h.first; j < h.last; ++j)
      for (int l = w.first; l < w.last; ++l)
        f(((int64_t(at.n) * out.t + i) * out.h + j) * out.w + l, i, j, l);
}

template <class T, int kWidth>
SF_DEVICE void store_sums(const float (&sums)[kWidth], T* to) {
  Vec<T, kWidth> v;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v[k] = T(sums[k]);
  store(to, v);
}

template <class Tap, class T, int kWidth>
__global__ void __launch_bounds__(kPoolThreads, kPoolBlocks)
    collect_kernel(Pool3dBackwardProblem problem, PoolExtent in, PoolExtent out, const T* dy,
                   const Tap* taps, T* dx) {
  const Pool3dProblem& p = problem.forward;
  const PoolPlace at(in);
  if (!at.inside) return;
  const int c = at.vector * kWidth;
  float sums[kWidth] = {};
  for_covering(p, out, at, [&](int64_t pixel, int i, int j, int l) {
    const auto g = load<kWidth>(dy + pixel * p.y_pitch + c);
    const auto chosen = load<kWidth>(taps + pixel * p.c + c);
    const int mine = tap_of(p, at.t - window_start(p, 0, i), at.h - window_start(p, 1, j),
                            at.w - window_start(p, 2, l));
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sums[k] += int(chosen[k]) == mine ? float(g[k]) : 0;
  });
  store_sums(sums, dx + at.pixel * problem.dx_pitch + c);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kPoolThreads, kPoolBlocks)
    spread_kernel(Pool3dBackwardProblem problem, PoolExtent in, PoolExtent out, const T* dy,
                  T* dx) {
  const Pool3dProblem& p = problem.forward;
  const PoolPlace at(in);
  if (!at.inside) return;
  const int c = at.vector * kWidth;
  float sums[kWidth] = {};
  for_covering(p, out, at, [&](int64_t pixel, int i, int j, int l) {
    const auto g = load<kWidth>(dy + pixel * p.y_pitch + c);
    const auto divisor = float(pool_divisor(p, pool_range(p, 0, p.t, i), pool_range(p, 1, p.h, j),
                                            pool_range(p, 2, p.w, l)));
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sums[k] += float(g[k]) / divisor;
  });
  store_sums(sums, dx + at.pixel * problem.dx_pitch + c);
}

int64_t taps_of(const Pool3dProblem& p) { return int64_t{p.window[0]} * p.window[1] * p.window[2]; }

// f(Tap{}) for the type that holds the number of a tap.
template <class F>
void with_tap(const Pool3dProblem& p, const F& f) {
  if (taps_of(p) <= 1 << 8)
    f(uint8_t{});
  else
    f(uint16_t{});
}

bool can_run(const Pool3dBackwardProblem& problem) {
  const Pool3dProblem& p = problem.forward;
  return is_storage(p.dtype) && fits_place(p) &&
         (p.kind == PoolKind::average || taps_of(p) <= 1 << 16);
}

size_t workspace_bytes(const Pool3dBackwardProblem& problem, void*) {
  const Pool3dProblem& p = problem.forward;
  size_t bytes = 0;
  if (p.kind == PoolKind::max)
    with_tap(p, [&](auto tap) { bytes = size_t(out_extent(p, 1).size()) * sizeof(tap); });
  return bytes;
}

int launches(const Pool3dBackwardProblem& problem) {
  return problem.forward.kind == PoolKind::max ? 2 : 1;
}

void run(const Pool3dBackwardProblem& problem, const Pool3dBackwardArgs& a, void*, void* workspace,
         Queue queue) {
  const Pool3dProblem& p = problem.forward;
  const bool max = p.kind == PoolKind::max;
  with_vectors(p.dtype, p.c, {max ? p.x_pitch : 0, p.y_pitch, problem.dx_pitch}, {a.x, a.dy, a.dx},
               [&](auto type, auto width) {
                 using T = decltype(type);
                 const PoolExtent in = in_extent(p, width), out = out_extent(p, width);
                 const auto* dy = static_cast<const T*>(a.dy);
                 auto* dx = static_cast<T*>(a.dx);
                 if (!max)
                   return launch(spread_kernel<T, width>, in.blocks(), kPoolThreads, 0, queue,
                                 problem, in, out, dy, dx);
                 with_tap(p, [&](auto tap) {
                   using Tap = decltype(tap);
                   auto* taps = static_cast<Tap*>(workspace);
                   launch(choose_kernel<Tap, T, width>, out.blocks(), kPoolThreads, 0, queue, p,
                          out, static_cast<const T*>(a.x), taps);
                   launch(collect_kernel<Tap, T, width>, in.blocks(), kPoolThreads, 0, queue,
                          problem, in, out, dy, taps, dx);
                 });
               });
}

}  // namespace

std::span<const Pool3dBackwardKernel> pool3d_backward_kernels() {
  static constexpr std::array rows{Pool3dBackwardKernel{.name = "vectors",
                                                        .can_run = can_run,
                                                        .workspace_bytes = workspace_bytes,
                                                        .run = run,
                                                        .launches = launches}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
