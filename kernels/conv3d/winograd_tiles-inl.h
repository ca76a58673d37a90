// Convolution by tiles: windows are transformed, multiplied with transformed weights at each
// position, and the sums transformed back.
#if defined(SF_KERNELS_CONV3D_WINOGRAD_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_CONV3D_WINOGRAD_TILES_INL_H_
#undef SF_KERNELS_CONV3D_WINOGRAD_TILES_INL_H_
#else
#define SF_KERNELS_CONV3D_WINOGRAD_TILES_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/panel_product-inl.h"
#include "kernels/conv3d/winograd-inl.h"
#include "kernels/conv3d/winograd_work.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

using winograd::Tiling;

// What windows see outside of x.
alignas(64) constexpr float kZeros[winograd::kMostChannels]{};

// One problem's tiles of a shape, with x and y of type T and products of type Factor.
template <class Tile, class T, class Factor>
class Tiles {
 public:
  Tiles(const Conv3dProblem& p, const Conv3dArgs& args, const Tiling& tiling, std::byte* workspace)
      : p_(p),
        tiling_(tiling),
        out_t_(p.out_t()),
        out_h_(p.out_h()),
        out_w_(p.out_w()),
        x_(static_cast<const T*>(args.x)),
        weights_(static_cast<const Factor*>(args.w)),
        store_(p, args),
        workspace_(workspace) {}

  void run() const {
    if (tiling_.slots > 0) {
      parallel_for_slots(
          tiling_.tiles.count, tiling_.slots, [&](int64_t slot, int64_t block) HWY_ATTR {
            const int64_t first = tiling_.tiles.first(block), last = tiling_.tiles.first(block + 1);
            std::byte* memory = tiling_.memory().of(slot, workspace_);
            for (int64_t i = first; i < last; ++i) transform_input(i, in_of(memory, i - first));
            for (int at = 0; at < Tile::kIn; ++at) multiply(memory, last - first, at, 0, p_.k);
            for (int64_t i = first; i < last; ++i) transform_output(i, out_of(memory, i - first));
          });
      return;
    }
    constexpr int64_t kGrain = 4;
    parallel_for(tiling_.tiles.n, kGrain,
                 [&](int64_t i) HWY_ATTR { transform_input(i, in_of(workspace_, i)); });
    // Enough pieces for threads that are not equally fast.
    constexpr int kPiece = 256;
    const int64_t pieces = (p_.k + kPiece - 1) / kPiece;
    parallel_for(Tile::kIn * pieces, 1, [&](int64_t i) HWY_ATTR {
      const int64_t first = i % pieces * kPiece;
      multiply(workspace_, tiling_.tiles.n, int(i / pieces), first,
               std::min<int64_t>(first + kPiece, p_.k));
    });
    parallel_for(tiling_.tiles.n, kGrain,
                 [&](int64_t i) HWY_ATTR { transform_output(i, out_of(workspace_, i)); });
  }

 private:
  // A tile's transformed window and sums in the memory of its block: those of a position are
  // `block` rows from those of the next.
  Factor* in_of(std::byte* memory, int64_t tile) const {
    return reinterpret_cast<Factor*>(memory) + tile * tiling_.in_pitch;
  }
  float* out_of(std::byte* memory, int64_t tile) const {
    return reinterpret_cast<float*>(memory + tiling_.in_bytes()) + tile * tiling_.out_pitch;
  }

  struct Corner {
    int64_t clip;
    int t, h, w;  // of the first output
  };
  Corner corner_of(int64_t tile) const {
    const int64_t row = tile / tiling_.w, map = row / tiling_.h;
    return {map / tiling_.t, int(map % tiling_.t) * Tile::kOutT, int(row % tiling_.h) * Tile::kOutH,
            int(tile % tiling_.w) * Tile::kOutW};
  }
  // Of y.
  int64_t pixel(const Corner& corner) const {
    return ((corner.clip * out_t_ + corner.t) * out_h_ + corner.h) * out_w_ + corner.w;
  }

  HWY_INLINE void transform_input(int64_t tile, Factor* to) const {
    const Corner corner = corner_of(tile);
    const T* window[Tile::kIn];
    for (int at = 0; at < Tile::kIn; ++at) {
      const int t = corner.t * p_.stride[0] - p_.pad[0] + at / (Tile::H::kIn * Tile::W::kIn);
      const int h = corner.h * p_.stride[1] - p_.pad[1] + at / Tile::W::kIn % Tile::H::kIn;
      const int w = corner.w * p_.stride[2] - p_.pad[2] + at % Tile::W::kIn;
      const bool inside = t >= 0 && t < p_.t && h >= 0 && h < p_.h && w >= 0 && w < p_.w;
      const int64_t pixel = ((corner.clip * p_.t + t) * p_.h + h) * p_.w + w;
      window[at] = inside ? x_ + pixel * p_.x_pitch : reinterpret_cast<const T*>(kZeros);
    }
    const int64_t next = tiling_.block * tiling_.in_pitch;
    with_vectors_of(p_.c, [&](auto d) HWY_ATTR {
      for (int c = 0; c < p_.c; c += int(hn::Lanes(d))) {
        hn::Vec<decltype(d)> v[Tile::kIn];
#pragma GCC unroll 81
        for (int at = 0; at < Tile::kIn; ++at) v[at] = load(d, window[at] + c);
        Tile::input(d, v);
#pragma GCC unroll 81
        for (int at = 0; at < Tile::kIn; ++at) store(v[at], d, to + at * next + c);
      }
    });
  }

  HWY_INLINE void multiply(std::byte* memory, int64_t tiles, int at, int64_t first,
                           int64_t last) const {
    using Product = RowsByPanels<Factor>;
    const Product product{.a = in_of(memory, at * tiling_.block),
                          .a_pitch = tiling_.in_pitch,
                          .rows = tiles,
                          .depth = p_.c,
                          .panels = weights_ + Tile::filter_of(at) * Product::size(p_.c, p_.k),
                          .n = p_.k};
    const PlainStore sums{out_of(memory, at * tiling_.block), tiling_.out_pitch};
    with_vectors_of(p_.k, [&](auto d) HWY_ATTR {
      if constexpr (std::is_same_v<Factor, float>)
        if (tiling_.slots == 0) return product.multiply(d, first, last, sums, FarPanels());
      product.multiply(d, first, last, sums);
    });
  }

  HWY_INLINE void transform_output(int64_t tile, const float* from) const {
    const Corner corner = corner_of(tile);
    const int64_t next = tiling_.block * tiling_.out_pitch;
    with_vectors_of(p_.k, [&](auto d) HWY_ATTR {
      for (int k = 0; k < p_.k; k += int(hn::Lanes(d))) {
        hn::Vec<decltype(d)> v[Tile::kIn];
#pragma GCC unroll 81
        for (int at = 0; at < Tile::kIn; ++at) v[at] = hn::LoadU(d, from + at * next + k);
        Tile::output(d, v);
        // Those past the end of the map were made of zeros.
        const auto output = store_.at(pixel(corner), k);
        const int t_end = std::min(Tile::kOutT, out_t_ - corner.t),
                  h_end = std::min(Tile::kOutH, out_h_ - corner.h),
                  w_end = std::min(Tile::kOutW, out_w_ - corner.w);
#pragma GCC unroll 5
        for (int t = 0; t < Tile::kOutT; ++t)
#pragma GCC unroll 5
          for (int h = 0; h < Tile::kOutH; ++h)
#pragma GCC unroll 5
            for (int w = 0; w < Tile::kOutW; ++w)
              if (t < t_end && h < h_end && w < w_end)
                output(d, (int64_t{t} * out_h_ + h) * out_w_ + w, 0,
                       v[(t * Tile::kOutH + h) * Tile::kOutW + w]);
      }
    });
  }

  const Conv3dProblem& p_;
  const Tiling& tiling_;
  int out_t_, out_h_, out_w_;
  const T* x_;
  const Factor* weights_;
  OutputStore<T> store_;
  std::byte* workspace_;
};

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
