// Between pixels, whose channels lie side by side, and planes, one for each channel. Compiled once
// for each target, as Highway's own -inl.h files.
#if defined(SF_KERNELS_CONV3D_STEM_PLANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_CONV3D_STEM_PLANES_INL_H_
#undef SF_KERNELS_CONV3D_STEM_PLANES_INL_H_
#else
#define SF_KERNELS_CONV3D_STEM_PLANES_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/panel_product-inl.h"
#include "kernels/conv3d/stem_strips.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Up to four channels of a pixel.
using PixelLanes = hn::CappedTag<float, 4>;

// Every stride-th pixel of a row of x, from pixel w on, which may lie in the padding: `columns` of
// each channel, zeros outside x. Scratch: 4 columns.
template <class T>
void split_row(const Conv3dProblem& p, int64_t stride, const T* row, int w, int64_t columns,
               float* scratch, float* planes) {
  const WideLanes d;
  const PixelLanes pixel;
  const int64_t step = stride * p.x_pitch;
  const auto columns_before = [&](int64_t end) {
    return std::clamp<int64_t>((end - w + stride - 1) / stride, 0, columns);
  };
  const int64_t begin = w < 0 ? columns_before(0) : 0, end = columns_before(p.w);
  // Behind the channels of the last pixels there may be no more of x.
  const int64_t missing = (4 - p.c + p.x_pitch - 1) / p.x_pitch;
  const int64_t end_of_fours = std::max(begin, columns_before(p.w - missing));

  std::fill(scratch, scratch + 4 * begin, 0.F);
  std::fill(scratch + 4 * end_of_fours, scratch + 4 * columns, 0.F);
  const T* from = row + (w + begin * stride) * p.x_pitch;
  for (int64_t i = begin; i < end_of_fours; ++i, from += step)
    for (int c = 0; c < 4; c += int(hn::Lanes(pixel)))
      hn::StoreU(load(pixel, from + c), pixel, scratch + 4 * i + c);
  for (int64_t i = end_of_fours; i < end; ++i, from += step)
    for (int c = 0; c < p.c; ++c) scratch[4 * i + c] = float(from[c]);

  for (int64_t i = 0; i < columns; i += int64_t(hn::Lanes(d))) {
    hn::Vec<WideLanes> channels[4];
    hn::LoadInterleaved4(d, scratch + 4 * i, channels[0], channels[1], channels[2], channels[3]);
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c)
      if (c < p.c) hn::StoreU(channels[c], d, planes + c * columns + i);
  }
}

// The other way: `count` sums of each channel, `pitch` apart, to neighbouring pixels.
template <class Store>
void store_pixels(const float* sums, int64_t pitch, int64_t count, const Store& store) {
  constexpr int kChannels = StemStrips::kChannels;
  const WideLanes d;
  const PixelLanes pixel;
  const auto lanes = int64_t(hn::Lanes(d));
  HWY_ALIGN float scratch[kChannels / 4][4 * hn::MaxLanes(d)];
  for (int64_t first = 0; first < count; first += lanes) {
    for (int i = 0; i < kChannels / 4; ++i) {
      const float* from = sums + 4 * i * pitch + first;
      hn::StoreInterleaved4(hn::LoadU(d, from), hn::LoadU(d, from + pitch),
                            hn::LoadU(d, from + 2 * pitch), hn::LoadU(d, from + 3 * pitch), d,
                            scratch[i]);
    }
    for (int64_t i = 0; i < std::min(lanes, count - first); ++i)
      for (int c = 0; c < kChannels; c += int(hn::Lanes(pixel)))
        store(pixel, first + i, c, hn::LoadU(pixel, scratch[c / 4] + 4 * i + c % 4));
  }
}

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
