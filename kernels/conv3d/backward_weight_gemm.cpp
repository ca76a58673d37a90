// The weight gradient as the product of dy, transposed, with windows of x:
//   dw[k, j] = sum over output pixels of dy[pixel, k] window[pixel, j]
// A task has some columns j and a part of the pixels, a block of them at a time: windows are copied
// side by side, dy in strips of as many channels as a tile of sums has rows. What the parts of the
// pixels gave is added in their order.
#include <algorithm>

#include "kernels/base/onednn.h"
#include "kernels/base/state_row.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/geometry.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/backward_weight_gemm.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/conv3d/panel_product-inl.h"
#include "kernels/conv3d/windows-inl.h"

#ifndef SF_KERNELS_CONV3D_BACKWARD_WEIGHT_GEMM_ONCE_
#define SF_KERNELS_CONV3D_BACKWARD_WEIGHT_GEMM_ONCE_
namespace sf::weight_gemm {

constexpr int64_t kColumns = 256;
constexpr int64_t kPadding = 32;  // columns: the last panel may be that much wider than they are

// All sizes in floats. The workspace holds the memory of each slot, a block of dy and one of
// windows, and the sums of the tasks: [part of the pixels][k][group of columns][column].
struct Tasks {
  int64_t k, depth;
  int64_t block;  // pixels together: a slot's memory fits the second-level cache for usual channels
  EvenParts columns, pixels;
  int slots;

  Tasks(const Conv3dProblem& p, int threads)
      : k(p.k),
        depth(int64_t{p.kt} * p.kh * p.kw * p.c),
        block(p.k >= 256 ? 64 : 128),
        columns(depth, kColumns, 1),
        pixels(p.out_pixels(), pixels_of_part(p, threads), 1),
        slots(int(std::min<int64_t>(threads, count()))) {}

  int64_t count() const { return columns.count * pixels.count; }
  int64_t pitch() const { return columns.largest() + kPadding; }  // of windows
  int64_t sums_pitch() const { return columns.count * pitch(); }  // from a channel to the next
  int64_t slot_size() const { return block * (k + pitch()); }
  // Where the sums of a channel are.
  int64_t sums(int64_t part, int64_t channel, int64_t group) const {
    return slots * slot_size() + (part * k + channel) * sums_pitch() + group * pitch();
  }
  size_t bytes() const { return sizeof(float) * size_t(sums(pixels.count, 0, 0)); }

 private:
  // Some tasks for each thread, so that none is idle for long, of some blocks at least, and no more
  // sums than the last-level cache may hold.
  int64_t pixels_of_part(const Conv3dProblem& p, int threads) const {
    constexpr int64_t kMostSums = 4 << 20;
    const int64_t wanted = (8 * threads + columns.count - 1) / columns.count;
    const int64_t parts = std::clamp<int64_t>(kMostSums / (k * sums_pitch()), 1, wanted);
    return std::max(4 * block, (p.out_pixels() + parts - 1) / parts);
  }
};

}  // namespace sf::weight_gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

using weight_gemm::Tasks;

// Adds the products of some pixels to kRows x kPanelVectors sums. A pixel's factors lie side by
// side in a, kRows apart, its values b_pitch apart.
template <int kRows, class D>
HWY_NOINLINE void add_products(D d, int64_t pixels, const float* HWY_RESTRICT a,
                               const float* HWY_RESTRICT b, int64_t b_pitch,
                               float* HWY_RESTRICT sums, int64_t sums_pitch) {
  const auto lanes = int64_t(hn::Lanes(d));
  hn::Vec<D> sum[kRows][kPanelVectors];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < kPanelVectors; ++n)
      sum[m][n] = hn::LoadU(d, sums + m * sums_pitch + n * lanes);
#pragma GCC unroll 4
  for (int64_t i = 0; i < pixels; ++i, a += kRows, b += b_pitch) {
    hn::Vec<D> panel[kPanelVectors];
#pragma GCC unroll 4
    for (int n = 0; n < kPanelVectors; ++n) panel[n] = hn::LoadU(d, b + n * lanes);
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
      const auto factor = hn::Set(d, a[m]);
#pragma GCC unroll 4
      for (int n = 0; n < kPanelVectors; ++n) sum[m][n] = hn::MulAdd(factor, panel[n], sum[m][n]);
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < kPanelVectors; ++n)
      hn::StoreU(sum[m][n], d, sums + m * sums_pitch + n * lanes);
}

// `rows` channels of each pixel, side by side. In whole vectors where the pixel has that many
// channels left: what is too much is overwritten by the next pixel, or by the next strip.
template <class T>
HWY_INLINE void copy_strip(const T* dy, int64_t pitch, int64_t pixels, int64_t rows,
                           int64_t channels, float* to) {
  const WideLanes d;
  if (rows <= int64_t(hn::Lanes(d)) && channels >= int64_t(hn::Lanes(d))) {
    for (int64_t i = 0; i < pixels; ++i) hn::StoreU(load(d, dy + i * pitch), d, to + i * rows);
  } else {
    for (int64_t i = 0; i < pixels; ++i) copy_values(dy + i * pitch, rows, to + i * rows);
  }
}

template <class T>
void run_tasks_of(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, const Tasks& tasks,
                  float* workspace) {
  const ConvGeometry geometry(p);
  const auto* x = static_cast<const T*>(args.x);
  const auto* dy = static_cast<const T*>(args.dy);
  const EvenParts strips(p.k, kTileRows, 1);
  const int64_t pitch = tasks.pitch();
  const WideLanes d;
  const int64_t width = kPanelVectors * int64_t(hn::Lanes(d));
  static_assert(kPanelVectors * hn::MaxLanes(d) <= weight_gemm::kPadding);

  parallel_for_slots(tasks.count(), tasks.slots, [&](int64_t slot, int64_t task) HWY_ATTR {
    const int64_t part = task / tasks.columns.count, group = task % tasks.columns.count;
    const int64_t first = tasks.columns.first(group), columns = tasks.columns.size(group);
    const int64_t padded = (columns + width - 1) / width * width;
    const WindowPart<T> some(geometry, x, first, first + columns);
    float* factors = workspace + slot * tasks.slot_size();
    float* windows = factors + tasks.block * p.k;
    for (int64_t i = 0; i < tasks.block; ++i)
      std::fill_n(windows + i * pitch + columns, padded - columns, 0.0F);
    const auto sums = [&](int64_t k) { return workspace + tasks.sums(part, k, group); };
    for (int64_t k = 0; k < p.k; ++k) std::fill_n(sums(k), padded, 0.0F);

    const int64_t last = tasks.pixels.first(part + 1);
    for (int64_t pixel = tasks.pixels.first(part); pixel < last; pixel += tasks.block) {
      const int64_t block = std::min(tasks.block, last - pixel);
      some.gather(pixel, block, pitch, windows);
      for (int64_t s = 0; s < strips.count; ++s) {
        const int64_t k = strips.first(s);
        copy_strip(dy + pixel * p.y_pitch + k, p.y_pitch, block, strips.size(s), p.k - k,
                   factors + k * block);
      }
      for (int64_t j = 0; j < columns; j += width)
        for (int64_t s = 0; s < strips.count; ++s) {
          const int64_t k = strips.first(s);
          with_rows(strips.size(s), [&](auto rows) HWY_ATTR {
            add_products<rows>(d, block, factors + k * block, windows + j, pitch, sums(k) + j,
                               tasks.sums_pitch());
          });
        }
    }
  });

  auto* dw = static_cast<float*>(args.dw);
  parallel_for(p.k * tasks.columns.count, 4, [&](int64_t i) HWY_ATTR {
    const int64_t k = i / tasks.columns.count, group = i % tasks.columns.count;
    for_lanes(tasks.columns.size(group), [&](auto lanes, int64_t j) HWY_ATTR {
      auto sum = hn::LoadU(lanes, workspace + tasks.sums(0, k, group) + j);
      for (int64_t part = 1; part < tasks.pixels.count; ++part)
        sum = hn::Add(sum, hn::LoadU(lanes, workspace + tasks.sums(part, k, group) + j));
      hn::StoreU(sum, lanes, dw + k * tasks.depth + tasks.columns.first(group) + j);
    });
  });
}

void run_tasks(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, const Tasks& tasks,
               void* workspace) {
  with_lanes(p.dtype, [&](auto type) HWY_ATTR {
    run_tasks_of<decltype(type)>(p, args, tasks, static_cast<float*>(workspace));
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {

extern const Conv3dBackwardWeightKernel kConv3dBackwardWeightOneDnn;

namespace {

HWY_EXPORT(run_tasks);

bool can_run(const Conv3dProblem& p) {
  return (p.dtype == DType::f32 || p.dtype == DType::bf16) && !p.bias && p.groups == 1 &&
         ConvGeometry::fits(p);
}

// Against oneDNN, measured on Zen 3 in float32: it wins where oneDNN falls back on a general matrix
// product, and against its AVX2 kernels for windows of some size. 1x1x1 is oneDNN's, with a stride
// too (backward_strided_pointwise.cpp).
bool worth(const Conv3dProblem& p) {
  if (!kConv3dBackwardWeightOneDnn.can_run(p)) return true;
  const int taps = p.kt * p.kh * p.kw;
  if (taps == 1 || p.dtype != DType::f32) return false;
  const std::string other = onednn_conv3d_backward_weight_implementation(p);
  return other.find("gemm") != std::string::npos || (onednn::is_avx2(other) && taps * p.c >= 128);
}

struct Work {
  Conv3dProblem problem;
  weight_gemm::Tasks tasks;

  explicit Work(const Conv3dProblem& p) : problem(p), tasks(p, max_threads()) {}

  size_t workspace_bytes() const { return tasks.bytes(); }
  void run(const Conv3dBackwardWeightArgs& args, void* workspace) const {
    HWY_DYNAMIC_DISPATCH(run_tasks)(problem, args, tasks, workspace);
  }
};

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemm =
    state_row<Work>(Conv3dBackwardWeightKernel{.name = "gemm", .can_run = can_run, .worth = worth});

}  // namespace sf
#endif  // HWY_ONCE
