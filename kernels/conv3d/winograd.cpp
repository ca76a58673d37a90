// The rows of Winograd's algorithm, one for each shape of tiles.
#include <algorithm>

#include "kernels/base/state_row.h"
#include "kernels/conv3d/winograd_work.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/winograd.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/winograd_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

using winograd::Work;

// f(tile, factor) for the shape.
template <class F>
HWY_INLINE void with_tile(winograd::Shape shape, const F& f) {
  if (shape == winograd::kTime) f(WinogradTile<4, 1, 1>(), float());
  if (shape == winograd::kPlane) f(WinogradTile<1, 4, 4>(), float());
  if (shape == winograd::kLargePlane) f(WinogradTile<1, 5, 5>(), float());
  if (shape == winograd::kSmallPlane) f(WinogradTile<1, 2, 2>(), float());
  if (shape == winograd::kStridedPlane) f(WinogradTile<1, 4, 4, 2>(), float());
  if (shape == winograd::kSmallStridedPlane) f(WinogradTile<1, 2, 2, 2>(), float());
  if (shape == winograd::kShortTimeBf16) f(WinogradTile<2, 1, 1>(), bf16());
}

void run_tiles(const Work& work, const Conv3dArgs& args, void* workspace) {
  const Conv3dProblem& p = work.problem;
  with_tile(work.tiling.shape, [&](auto tile, auto factor) HWY_ATTR {
    with_lanes(p.dtype, [&](auto type) HWY_ATTR {
      Tiles<decltype(tile), decltype(type), decltype(factor)>(p, args, work.tiling,
                                                              static_cast<std::byte*>(workspace))
          .run();
    });
  });
}

// The weights of output channel k, transformed: [filter][panel].
template <class Tile, class T, class Factor>
void pack_channel(const Work& work, const T* weights, int64_t k, Factor* packed) {
  using Product = RowsByPanels<Factor>;
  const Conv3dProblem& p = work.problem;
  const WeightStrides& strides = work.weights;
  with_vectors_of(p.k, [&](auto d) HWY_ATTR {
    for (int c = 0; c < p.c; ++c) {
      const T* at = weights + strides.first + k * strides.out + c * strides.in;
      double taps[Tile::kTaps];
      for (int tap = 0; tap < Tile::kTaps; ++tap) taps[tap] = double(float(at[tap * strides.tap]));
      double transformed[Tile::kFilters];
      Tile::filter(taps, transformed);
      Factor* to = packed + Product::offset(d, p.c, p.k, c, k);
      for (int i = 0; i < Tile::kFilters; ++i)
        to[i * Product::size(p.c, p.k)] = Factor(float(transformed[i]));
    }
  });
}

void pack_tiles(const Work& work, const void* weights, void* packed) {
  const Conv3dProblem& p = work.problem;
  with_tile(work.tiling.shape, [&](auto tile, auto factor) {
    with_lanes(p.dtype, [&](auto type) {
      using T = decltype(type);
      auto* to = static_cast<decltype(factor)*>(packed);
      // Where panels are filled up, with zeros.
      const int64_t size = tile.kFilters * RowsByPanels<decltype(factor)>::size(p.c, p.k);
      if (p.k % 16 != 0) std::fill_n(to, size, decltype(factor)(0.0F));
      constexpr int64_t kPanel = 32;  // whose columns lie side by side
      parallel_for(p.k, kPanel, [&](int64_t k) {
        pack_channel<decltype(tile)>(work, static_cast<const T*>(weights), k, to);
      });
    });
  });
}

size_t packed_size(const Work& work) {
  size_t size = 0;
  with_tile(work.tiling.shape, [&](auto tile, auto factor) {
    using Product = RowsByPanels<decltype(factor)>;
    size = size_t(tile.kFilters * Product::size(work.problem.c, work.problem.k)) * sizeof(factor);
  });
  return size;
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

using winograd::Shape;
using winograd::Tiling;
using winograd::Work;

HWY_EXPORT(run_tiles);
HWY_EXPORT(pack_tiles);
HWY_EXPORT(packed_size);

// Padded by half a window along each axis, and channels that are whole vectors.
template <Shape kShape>
bool can_run(const Conv3dProblem& p) {
  const int taps[] = {p.kt, p.kh, p.kw}, outputs[] = {kShape.t, kShape.h, kShape.w};
  for (size_t axis = 0; axis < 3; ++axis)
    if (taps[axis] != Shape::taps(outputs[axis]) || p.pad[axis] != taps[axis] / 2 ||
        p.stride[axis] != (taps[axis] > 1 ? kShape.stride : 1) || p.dilation[axis] != 1)
      return false;
  // Products of bf16 are for activations that are bf16 already.
  const bool has_products =
      kShape.products == DType::f32 || (p.dtype == DType::bf16 && has_bf16_tile());
  return p.winograd && has_lanes(p.dtype) && has_products && !p.sums && p.groups == 1 &&
         p.c % 8 == 0 && p.k % 8 == 0 && p.c <= winograd::kMostChannels;
}

// Products for an output of the map, tiles past its end included.
double products(const Conv3dProblem& p, Shape shape) {
  const auto tiles = [](int outputs, int of_tile) { return (outputs + of_tile - 1) / of_tile; };
  const int64_t all = int64_t{tiles(p.out_h(), shape.h)} * tiles(p.out_w(), shape.w);
  return double(shape.positions() * all) / (double(p.out_h()) * p.out_w());
}
// Against oneDNN, measured on Zen 5 with AVX-512. Transforms are for each channel,
// products for each pair, so few channels do not pay. Products of bf16 are as fast as half of
// float32's.
bool time_is_worth(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && p.t > 1 && p.c >= 64 && p.k >= 32;
}
bool short_time_is_worth(const Conv3dProblem& p) { return p.t > 1 && p.c >= 512 && p.k >= 128; }
bool plane_is_worth(const Conv3dProblem& p) {
  return std::max(p.h, p.w) > 2 && p.c >= (p.dtype == DType::f32 ? 32 : 64) && p.k >= 32;
}
bool large_plane_is_worth(const Conv3dProblem& p) {
  return plane_is_worth(p) && products(p, winograd::kLargePlane) < products(p, winograd::kPlane);
}
bool small_plane_is_worth(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && p.c >= 32 && p.k >= 32;
}

// Measured on Zen 3, against `gemm`, which makes 9 products an output.
template <Shape kShape>
bool strided_is_worth(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && p.c >= 64 && p.k >= 64 && products(p, kShape) < 7;
}
bool strided_plane_is_worth(const Conv3dProblem& p) {
  return strided_is_worth<winograd::kStridedPlane>(p) &&
         products(p, winograd::kStridedPlane) < products(p, winograd::kSmallStridedPlane);
}

template <Shape kShape>
std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  return std::make_shared<Work>(Work{p, plain_weights(p), Tiling(p, kShape, max_threads())});
}

template <Shape kShape>
std::shared_ptr<void> prepare_backward(const Conv3dProblem& p) {
  const Conv3dProblem q = transposed(p);
  return std::make_shared<Work>(Work{q, transposed_weights(p), Tiling(q, kShape, max_threads())});
}

using Condition = bool (*)(const Conv3dProblem&);

template <Shape kShape, Condition kWorth>
constexpr Conv3dKernel row(std::string_view name) {
  return state_row<Work>(Conv3dKernel{.name = name,
                                      .exact = false,
                                      .can_run = can_run<kShape>,
                                      .worth = kWorth,
                                      .prepare = prepare<kShape>});
}

template <Shape kShape, Condition kWorth>
constexpr Conv3dBackwardDataKernel backward_row(std::string_view name) {
  return state_row<Work>(Conv3dBackwardDataKernel{
      .name = name,
      .exact = false,
      .can_run = [](const Conv3dProblem& p) { return can_run<kShape>(transposed(p)); },
      .worth = [](const Conv3dProblem& p) { return kWorth(transposed(p)); },
      .prepare = prepare_backward<kShape>});
}

}  // namespace

namespace winograd {

size_t Work::packed_bytes() const { return HWY_DYNAMIC_DISPATCH(packed_size)(*this); }

void Work::pack(const void* weights_, void* packed) const {
  HWY_DYNAMIC_DISPATCH(pack_tiles)(*this, weights_, packed);
}

void Work::run(const Conv3dArgs& args, void* workspace) const {
  HWY_DYNAMIC_DISPATCH(run_tiles)(*this, args, workspace);
}

}  // namespace winograd

extern constinit const Conv3dKernel kConv3dWinogradTime =
    row<winograd::kTime, time_is_worth>("winograd_t4");
extern constinit const Conv3dKernel kConv3dWinogradPlane =
    row<winograd::kPlane, plane_is_worth>("winograd_4x4");
extern constinit const Conv3dKernel kConv3dWinogradLargePlane =
    row<winograd::kLargePlane, large_plane_is_worth>("winograd_5x5");
extern constinit const Conv3dKernel kConv3dWinogradSmallPlane =
    row<winograd::kSmallPlane, small_plane_is_worth>("winograd_2x2");
extern constinit const Conv3dKernel kConv3dWinogradStridedPlane =
    row<winograd::kStridedPlane, strided_plane_is_worth>("winograd_4x4_strided");
extern constinit const Conv3dKernel kConv3dWinogradSmallStridedPlane =
    row<winograd::kSmallStridedPlane, strided_is_worth<winograd::kSmallStridedPlane>>(
        "winograd_2x2_strided");
extern constinit const Conv3dKernel kConv3dWinogradShortTimeBf16 =
    row<winograd::kShortTimeBf16, short_time_is_worth>("winograd_t2_bf16");

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataWinogradTime =
    backward_row<winograd::kTime, time_is_worth>("winograd_t4");
extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataWinogradPlane =
    backward_row<winograd::kPlane, plane_is_worth>("winograd_4x4");

}  // namespace sf
#endif  // HWY_ONCE
