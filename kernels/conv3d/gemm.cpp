// The product of gathered windows with packed weights. A block of output pixels at a time: where
// they see one pixel each they are rows of x already, else their windows are copied side by side.
#include <algorithm>

#include "kernels/base/onednn.h"
#include "kernels/base/state_row.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/geometry.h"
#include "kernels/conv3d/transposed.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/gemm.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/conv3d/panel_product-inl.h"
#include "kernels/conv3d/windows-inl.h"

#ifndef SF_KERNELS_CONV3D_GEMM_ONCE_
#define SF_KERNELS_CONV3D_GEMM_ONCE_
namespace sf::gemm {

struct Work {
  Conv3dProblem problem;
  WeightStrides weights;
  int64_t depth;  // values of a window
  EvenParts pixels;
  int slots;         // threads with a block of pixels each
  int64_t pitch;     // of gathered windows; 0: rows of x are taken where they lie
  bool far_rows;     // of x, read in the order in which they lie, may come from memory
  bool far_weights;  // come from memory to the first block of each slot

  // tile_rows: multiplied at a time.
  Work(const Conv3dProblem& p, const WeightStrides& weights_, int tile_rows, int threads)
      : problem(p),
        weights(weights_),
        depth(int64_t{p.kt} * p.kh * p.kw * p.c),
        pixels(p.out_pixels(), pixels_together(p.out_pixels()), threads),
        slots(int(std::min<int64_t>(threads, pixels.count))),
        pitch(wants_copies(p, tile_rows) ? depth + 16 : 0),
        far_rows(ConvGeometry(p).pointwise() && p.x_pitch == depth && p.k <= depth),
        far_weights(p.k > depth && depth * p.k >= kFarWeights) {}

  // Copied side by side.
  template <class T>
  SlotMemory<T> windows() const {
    return SlotMemory<T>(pixels.largest() * pitch);
  }
  // Of a slot's own blocks (SharedWork).
  bool is_first(int64_t slot, int64_t block) const { return block == pixels.count * slot / slots; }

  size_t workspace_bytes() const {
    return problem.dtype == DType::bf16 ? windows<bf16>().bytes(slots)
                                        : windows<float>().bytes(slots);
  }
  size_t packed_bytes() const;
  void pack(const void* weights, void* packed) const;
  void run(const Conv3dArgs& args, void* workspace) const;
  void run(const Conv3dBackwardDataArgs& args, void* workspace) const {
    run(transposed(args), workspace);
  }

 private:
  // Values: 2 MiB, more than a second-level cache holds beside x and y.
  static constexpr int64_t kFarWeights = 512 << 10;
  static int64_t pixels_together(int64_t all) { return all >= 8192 ? 112 : all >= 2048 ? 56 : 28; }
};

}  // namespace sf::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

using gemm::Work;

template <class T>
void run_blocks_of(const Work& work, const Conv3dArgs& args, T* workspace) {
  const Conv3dProblem& p = work.problem;
  const ConvGeometry geometry(p);
  const OutputStore<T> store(p, args);
  const auto* x = static_cast<const T*>(args.x);
  const WindowPart<T> all(geometry, x, 0, work.depth);
  parallel_for_slots(work.pixels.count, work.slots, [&](int64_t slot, int64_t i) HWY_ATTR {
    const int64_t first = work.pixels.first(i), rows = work.pixels.first(i + 1) - first;
    T* windows = work.windows<T>().of(slot, workspace);
    if (work.pitch > 0) all.gather(first, rows, work.pitch, windows);
    const RowsByPanels<T> product{.a = work.pitch > 0 ? windows : x + first * p.x_pitch,
                                  .a_pitch = work.pitch > 0 ? work.pitch : p.x_pitch,
                                  .rows = rows,
                                  .depth = work.depth,
                                  .panels = static_cast<const T*>(args.w),
                                  .n = p.k};
    with_vectors_of(p.k, [&](auto d) HWY_ATTR {
      const auto y = store.at(first, 0);
      if constexpr (std::is_same_v<T, float>) {
        const FarRows next{x + (first + rows) * p.x_pitch};
        if (work.far_rows) return product.multiply(d, 0, p.k, y, next);
        if (work.far_weights && work.is_first(slot, i))
          return product.multiply(d, 0, p.k, y, FarPanels());
      }
      product.multiply(d, 0, p.k, y);
    });
  });
}

void run_blocks(const Work& work, const Conv3dArgs& args, void* workspace) {
  with_lanes(work.problem.dtype, [&](auto type) HWY_ATTR {
    run_blocks_of(work, args, static_cast<decltype(type)*>(workspace));
  });
}

int tile_rows(const Conv3dProblem& p) { return p.dtype == DType::bf16 ? kBf16TileRows : kTileRows; }

size_t panels_bytes(const Work& work) {
  size_t size = 0;
  with_lanes(work.problem.dtype, [&](auto type) {
    size = size_t(RowsByPanels<decltype(type)>::size(work.depth, work.problem.k)) * sizeof(type);
  });
  return size;
}

// A panel at a time, whose output channels lie side by side.
template <class T>
void pack_panels_of(const Work& work, const T* weights, T* packed) {
  using Product = RowsByPanels<T>;
  const Conv3dProblem& p = work.problem;
  const WeightStrides& at = work.weights;
  const int64_t size = Product::size(work.depth, p.k), taps = work.depth / p.c;
  if (size > work.depth * p.k) std::fill_n(packed, size, T(0.0F));
  with_vectors_of(p.k, [&](auto d) HWY_ATTR {
    const int64_t width = Product::whole_width(d);
    parallel_for((p.k + width - 1) / width, 1, [&](int64_t panel) HWY_ATTR {
      const int64_t first = panel * width, count = std::min(width, p.k - first);
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t c = 0; c < p.c; ++c) {
          const T* from = weights + at.first + tap * at.tap + c * at.in + first * at.out;
          T* to = packed + Product::offset(d, work.depth, p.k, tap * p.c + c, first);
          for (int64_t k = 0; k < count; ++k) to[k * Product::kColumnStep] = from[k * at.out];
        }
    });
  });
}

void pack_panels(const Work& work, const void* weights, void* packed) {
  with_lanes(work.problem.dtype, [&](auto type) {
    using T = decltype(type);
    pack_panels_of(work, static_cast<const T*>(weights), static_cast<T*>(packed));
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {

extern const Conv3dKernel kConv3dOneDnn;
extern const Conv3dBackwardDataKernel kConv3dBackwardDataOneDnn;

namespace {

using gemm::Work;

HWY_EXPORT(run_blocks);
HWY_EXPORT(pack_panels);
HWY_EXPORT(panels_bytes);
HWY_EXPORT(tile_rows);

bool can_run(const Conv3dProblem& p) {
  const bool has_products =
      p.dtype == DType::f32 || (p.dtype == DType::bf16 && p.c % 2 == 0 && has_bf16_tile());
  return has_products && !p.sums && p.groups == 1 && p.k % 8 == 0 && ConvGeometry::fits(p);
}

// Against oneDNN: pixels, measured on Zen 5, where a residual is read, or every other pixel;
// windows, measured on Zen 3, where oneDNN's kernel is one for AVX2.
bool worth(const Conv3dProblem& p) {
  if (!kConv3dOneDnn.can_run(p)) return true;
  const bool strided = p.stride != std::array{1, 1, 1}, is_float = p.dtype == DType::f32;
  if (p.kt * p.kh * p.kw == 1) return p.c >= 64 && p.k >= 64 && (p.residual || strided || is_float);
  return p.c >= 64 && onednn::is_avx2(onednn_conv3d_implementation(p));
}

bool can_run_backward(const Conv3dProblem& p) {
  return p.stride == std::array{1, 1, 1} && can_run(transposed(p));
}

bool backward_is_worth(const Conv3dProblem& p) {
  if (!kConv3dBackwardDataOneDnn.can_run(p)) return true;
  return p.kt * p.kh * p.kw > 1 && p.k >= 32 &&
         onednn::is_avx2(onednn_conv3d_backward_data_implementation(p));
}

std::shared_ptr<void> prepare_for(const Conv3dProblem& p, const WeightStrides& weights) {
  return std::make_shared<Work>(p, weights, HWY_DYNAMIC_DISPATCH(tile_rows)(p), max_threads());
}
std::shared_ptr<void> prepare(const Conv3dProblem& p) { return prepare_for(p, plain_weights(p)); }
std::shared_ptr<void> prepare_backward(const Conv3dProblem& p) {
  return prepare_for(transposed(p), transposed_weights(p));
}

}  // namespace

namespace gemm {

size_t Work::packed_bytes() const { return HWY_DYNAMIC_DISPATCH(panels_bytes)(*this); }

void Work::pack(const void* weights_, void* packed) const {
  HWY_DYNAMIC_DISPATCH(pack_panels)(*this, weights_, packed);
}

void Work::run(const Conv3dArgs& args, void* workspace) const {
  HWY_DYNAMIC_DISPATCH(run_blocks)(*this, args, workspace);
}

}  // namespace gemm

extern constinit const Conv3dKernel kConv3dGemm = state_row<Work>(
    Conv3dKernel{.name = "gemm", .can_run = can_run, .worth = worth, .prepare = prepare});

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemm =
    state_row<Work>(Conv3dBackwardDataKernel{.name = "gemm",
                                             .can_run = can_run_backward,
                                             .worth = backward_is_worth,
                                             .prepare = prepare_backward});

}  // namespace sf
#endif  // HWY_ONCE
