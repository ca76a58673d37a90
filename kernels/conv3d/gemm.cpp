// The product of gathered windows with packed weights. A block of output pixels at a time: where
// they see one pixel each they are rows of x already, else their windows are copied side by side.
#include <algorithm>

#include "kernels/base/threads.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/geometry.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/gemm.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/conv3d/panel_product-inl.h"

#ifndef SF_KERNELS_CONV3D_GEMM_ONCE_
#define SF_KERNELS_CONV3D_GEMM_ONCE_
namespace sf::gemm {

struct Blocks {
  int64_t depth;  // values of a window
  EvenParts pixels;
  int slots;      // threads with a block of pixels each
  int64_t pitch;  // of gathered windows; 0: rows of x are taken as they are

  Blocks(const Conv3dProblem& p, int threads)
      : depth(int64_t{p.kt} * p.kh * p.kw * p.c),
        pixels(p.out_pixels(), pixels_together(p.out_pixels()), threads),
        slots(int(std::min<int64_t>(threads, pixels.count))),
        pitch(ConvGeometry(p).pointwise() ? 0 : depth + 16) {}

 private:
  static int64_t pixels_together(int64_t all) { return all >= 8192 ? 112 : all >= 2048 ? 56 : 28; }
};

}  // namespace sf::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

using gemm::Blocks;

// c values, or zeros.
template <class T>
HWY_INLINE void copy_channels(const T* from, int64_t c, T* to) {
  for_lanes(c, [&](auto d, int64_t i)
                   HWY_ATTR { store(from ? load(d, from + i) : hn::Zero(d), d, to + i); });
}

// The windows of output pixels from `first` on, side by side.
template <class T>
void gather(const ConvGeometry& g, const T* x, int64_t first, int64_t count, int64_t pitch, T* to) {
  ConvPixel pixel = ConvPixel::of_output(g, first);
  for (int64_t i = 0; i < count; ++i, pixel.next_output(g), to += pitch) {
    T* tap = to;
    for (int t = 0; t < g.t.taps; ++t)
      for (int h = 0; h < g.h.taps; ++h) {
        const int in_t = g.t.input_of(pixel.t, t), in_h = g.h.input_of(pixel.h, h);
        const bool inside = g.t.has_input(in_t) && g.h.has_input(in_h);
        const int64_t row = ((int64_t{pixel.n} * g.t.in + in_t) * g.h.in + in_h) * g.w.in;
        for (int w = 0; w < g.w.taps; ++w, tap += g.c) {
          const int in_w = g.w.input_of(pixel.w, w);
          copy_channels(inside && g.w.has_input(in_w) ? x + (row + in_w) * g.x_pitch : nullptr, g.c,
                        tap);
        }
      }
  }
}

template <class T>
void run_blocks_of(const Conv3dProblem& p, const Conv3dArgs& args, const Blocks& blocks,
                   T* workspace) {
  const ConvGeometry geometry(p);
  const OutputStore<T> store(p, args);
  const auto* x = static_cast<const T*>(args.x);
  parallel_for_slots(blocks.pixels.count, blocks.slots, [&](int64_t slot, int64_t i) HWY_ATTR {
    const int64_t first = blocks.pixels.first(i), rows = blocks.pixels.first(i + 1) - first;
    T* windows = workspace + slot * blocks.pixels.largest() * blocks.pitch;
    if (blocks.pitch > 0) gather(geometry, x, first, rows, blocks.pitch, windows);
    const RowsByPanels<T> product{.a = blocks.pitch > 0 ? windows : x + first * p.x_pitch,
                                  .a_pitch = blocks.pitch > 0 ? blocks.pitch : p.x_pitch,
                                  .rows = rows,
                                  .depth = blocks.depth,
                                  .panels = static_cast<const T*>(args.w),
                                  .n = p.k};
    with_vectors_of(p.k, [&](auto d) HWY_ATTR { product.multiply(d, 0, p.k, store.at(first, 0)); });
  });
}

void run_blocks(const Conv3dProblem& p, const Conv3dArgs& args, const Blocks& blocks,
                void* workspace) {
  with_lanes(p.dtype, [&](auto type) HWY_ATTR {
    run_blocks_of(p, args, blocks, static_cast<decltype(type)*>(workspace));
  });
}

size_t panels_size(const Conv3dProblem& p, int64_t depth) {
  size_t size = 0;
  with_lanes(p.dtype,
             [&](auto type) { size = size_t(RowsByPanels<decltype(type)>::size(depth, p.k)); });
  return size;
}

// Some output channels at a time, whose values lie side by side.
template <class T>
void pack_panels_of(const Conv3dProblem& p, const T* weights, T* packed) {
  const int64_t depth = int64_t{p.kt} * p.kh * p.kw * p.c;
  const int64_t size = RowsByPanels<T>::size(depth, p.k);
  if (size > depth * p.k) std::fill_n(packed, size, T(0.0F));
  constexpr int64_t kTogether = 32;
  parallel_for((p.k + kTogether - 1) / kTogether, 1, [&](int64_t part) HWY_ATTR {
    with_vectors_of(p.k, [&](auto d) HWY_ATTR {
      const int64_t first = part * kTogether, last = std::min<int64_t>(first + kTogether, p.k);
      for (int64_t i = 0; i < depth; ++i)
        for (int64_t k = first; k < last; ++k)
          packed[RowsByPanels<T>::offset(d, depth, p.k, i, k)] = weights[k * depth + i];
    });
  });
}

void pack_panels(const Conv3dProblem& p, const void* weights, void* packed) {
  with_lanes(p.dtype, [&](auto type) {
    using T = decltype(type);
    pack_panels_of(p, static_cast<const T*>(weights), static_cast<T*>(packed));
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

using gemm::Blocks;

HWY_EXPORT(run_blocks);
HWY_EXPORT(pack_panels);
HWY_EXPORT(panels_size);

bool can_run(const Conv3dProblem& p) {
  const bool has_products =
      p.dtype == DType::f32 || (p.dtype == DType::bf16 && p.c % 2 == 0 && has_bf16_tile());
  return has_products && !p.sums && p.groups == 1 && p.k % 8 == 0 && ConvGeometry::fits(p);
}

// Against oneDNN, measured on Zen 5: it wins where a residual is read, or every other pixel.
bool worth(const Conv3dProblem& p) {
  const bool strided = p.stride != std::array{1, 1, 1};
  const bool wide = p.c >= 128 && p.dtype == DType::f32;
  return p.kt * p.kh * p.kw == 1 && p.c >= 64 && p.k >= 64 && (p.residual || strided || wide);
}

std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  return std::make_shared<Blocks>(p, max_threads());
}

const Blocks& blocks_of(void* prepared) { return *static_cast<const Blocks*>(prepared); }

size_t workspace_bytes(const Conv3dProblem& p, void* prepared) {
  const Blocks& b = blocks_of(prepared);
  return size_t(b.slots * b.pixels.largest() * b.pitch) * size_of(p.dtype);
}

size_t packed_bytes(const Conv3dProblem& p, void* prepared) {
  return HWY_DYNAMIC_DISPATCH(panels_size)(p, blocks_of(prepared).depth) * size_of(p.dtype);
}

void pack(const Conv3dProblem& p, const void* weights, void* packed, void*) {
  HWY_DYNAMIC_DISPATCH(pack_panels)(p, weights, packed);
}

void run(const Conv3dProblem& p, const Conv3dArgs& a, void* prepared, void* workspace, Queue) {
  HWY_DYNAMIC_DISPATCH(run_blocks)(p, a, blocks_of(prepared), workspace);
}

}  // namespace

extern constinit const Conv3dKernel kConv3dGemm{.name = "gemm",
                                                .can_run = can_run,
                                                .worth = worth,
                                                .prepare = prepare,
                                                .workspace_bytes = workspace_bytes,
                                                .packed_bytes = packed_bytes,
                                                .pack = pack,
                                                .run = run};

}  // namespace sf
#endif  // HWY_ONCE
