// Vectors of channels. A maximum goes in two passes: first every window notes in the workspace
// which of its taps it chose, then every input pixel collects from the windows that chose it. So no
// two threads write to one place, and the sums have one order.
#include "kernels/pool3d/backward.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool3d/backward_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/threads.h"
#include "kernels/pool3d/window.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// Number of a tap, from its distance to the corner of the whole window, padding included.
HWY_INLINE int tap_of(const Pool3dProblem& p, int i, int j, int l) {
  return (i * p.window[1] + j) * p.window[2] + l;
}

// The chosen taps of one output row, counted over N, T and H.
template <class T>
void choose_row_of(const Pool3dProblem& p, const Pool3dBackwardArgs& a, int64_t index,
                   int32_t* taps) {
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  const int64_t n = index / out_h / out_t;
  const int z = int(index / out_h % out_t), y = int(index % out_h);
  const PoolRange t = pool_range(p, 0, p.t, z), h = pool_range(p, 1, p.h, y);
  const int t0 = window_start(p, 0, z), h0 = window_start(p, 1, y);
  taps += index * out_w * p.c;
  for (int out = 0; out < out_w; ++out, taps += p.c) {
    const PoolRange w = pool_range(p, 2, p.w, out);
    const int w0 = window_start(p, 2, out);
    for_lanes(p.c, [&](auto d, int64_t channel) HWY_ATTR {
      const hn::RebindToSigned<decltype(d)> di;
      auto largest = hn::Neg(hn::Inf(d));
      auto best = hn::Set(di, tap_of(p, t.first - t0, h.first - h0, w.first - w0));
      for (int i = t.first; i < t.last; ++i)
        for (int j = h.first; j < h.last; ++j) {
          const int64_t row = ((n * p.t + i) * p.h + j) * p.w;
          const T* x = static_cast<const T*>(a.x) + row * p.x_pitch + channel;
          for (int l = w.first; l < w.last; ++l) {
            const auto value = load(d, x + l * p.x_pitch);
            const auto better = hn::Or(hn::Gt(value, largest), hn::IsNaN(value));
            largest = hn::IfThenElse(better, value, largest);
            const auto tap = hn::Set(di, tap_of(p, i - t0, j - h0, l - w0));
            best = hn::IfThenElse(hn::RebindMask(di, better), tap, best);
          }
        }
      hn::StoreU(best, di, taps + channel);
    });
  }
}

void choose_row(const Pool3dProblem& p, const Pool3dBackwardArgs& a, int64_t index, int32_t* taps) {
  with_lanes(p.dtype, [&](auto t) { choose_row_of<decltype(t)>(p, a, index, taps); });
}

// The gradients of one input row, counted over N, T and H.
template <class T>
void collect_row_of(const Pool3dBackwardProblem& problem, const Pool3dBackwardArgs& a,
                    int64_t index, const int32_t* taps) {
  const Pool3dProblem& p = problem.forward;
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  const int64_t n = index / p.h / p.t;
  const int in_t = int(index / p.h % p.t), in_h = int(index % p.h);
  const PoolRange t = covering_range(p, 0, out_t, in_t), h = covering_range(p, 1, out_h, in_h);
  T* dx = static_cast<T*>(a.dx) + index * p.w * problem.dx_pitch;
  for (int in_w = 0; in_w < p.w; ++in_w, dx += problem.dx_pitch) {
    const PoolRange w = covering_range(p, 2, out_w, in_w);
    for_lanes(p.c, [&](auto d, int64_t channel) HWY_ATTR {
      const hn::RebindToSigned<decltype(d)> di;
      auto sum = hn::Zero(d);
      for (int i = t.first; i < t.last; ++i)
        for (int j = h.first; j < h.last; ++j)
          for (int l = w.first; l < w.last; ++l) {
            const int64_t out = ((n * out_t + i) * out_h + j) * out_w + l;
            const auto* dy = static_cast<const T*>(a.dy) + out * p.y_pitch + channel;
            auto g = load(d, dy);
            if (p.kind == PoolKind::average) {
              const int divisor = pool_divisor(p, pool_range(p, 0, p.t, i),
                                               pool_range(p, 1, p.h, j), pool_range(p, 2, p.w, l));
              g = hn::Div(g, hn::Set(d, float(divisor)));
            } else {
              const int tap = tap_of(p, in_t - window_start(p, 0, i), in_h - window_start(p, 1, j),
                                     in_w - window_start(p, 2, l));
              const auto mine = hn::Eq(hn::LoadU(di, taps + out * p.c + channel), hn::Set(di, tap));
              g = hn::IfThenElseZero(hn::RebindMask(d, mine), g);
            }
            sum = hn::Add(sum, g);
          }
      store(sum, d, dx + channel);
    });
  }
}

void collect_row(const Pool3dBackwardProblem& p, const Pool3dBackwardArgs& a, int64_t index,
                 const int32_t* taps) {
  with_lanes(p.forward.dtype, [&](auto t) { collect_row_of<decltype(t)>(p, a, index, taps); });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(choose_row);
HWY_EXPORT(collect_row);

int64_t out_rows(const Pool3dProblem& p) { return int64_t{p.n} * p.out_t() * p.out_h(); }

bool can_run(const Pool3dBackwardProblem& p) { return has_lanes(p.forward.dtype); }

size_t workspace_bytes(const Pool3dBackwardProblem& problem, void*) {
  const Pool3dProblem& p = problem.forward;
  if (p.kind == PoolKind::average) return 0;
  return size_t(out_rows(p) * p.out_w() * p.c) * sizeof(int32_t);
}

void run(const Pool3dBackwardProblem& problem, const Pool3dBackwardArgs& a, void*, void* workspace,
         Queue) {
  const Pool3dProblem& p = problem.forward;
  auto* taps = static_cast<int32_t*>(workspace);
  if (p.kind == PoolKind::max)
    parallel_for(out_rows(p), 1, [&](int64_t row) {
      HWY_DYNAMIC_DISPATCH(choose_row)(p, a, row, taps);
    });
  parallel_for(int64_t{p.n} * p.t * p.h, 1, [&](int64_t row) {
    HWY_DYNAMIC_DISPATCH(collect_row)(problem, a, row, taps);
  });
}

}  // namespace

extern constinit const Pool3dBackwardKernel kPool3dBackwardChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .workspace_bytes = workspace_bytes, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
