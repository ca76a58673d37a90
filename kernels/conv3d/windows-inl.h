// Windows of output pixels, copied side by side. Compiled once for each target, as Highway's own
// -inl.h files.
#if defined(SF_KERNELS_CONV3D_WINDOWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_CONV3D_WINDOWS_INL_H_
#undef SF_KERNELS_CONV3D_WINDOWS_INL_H_
#else
#define SF_KERNELS_CONV3D_WINDOWS_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/conv3d/geometry.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// `count` values, rounded to their new type.
template <class T, class To>
HWY_INLINE void copy_values(const T* HWY_RESTRICT from, int64_t count, To* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const auto lanes = int64_t(hn::Lanes(d));
  if (count < lanes) {
    for_lanes(count,
              [&](auto less, int64_t i) HWY_ATTR { store(load(less, from + i), less, to + i); });
    return;
  }
  for (int64_t i = 0; i < count - lanes; i += lanes) store(load(d, from + i), d, to + i);
  const int64_t last = count - lanes;  // overlaps the vector before
  store(load(d, from + last), d, to + last);
}

// Values [first, last) of each window, counted as a channel of weights has them: KT KH KW C.
template <class T>
class WindowPart {
 public:
  WindowPart(const ConvGeometry& g, const T* x, int64_t first, int64_t last)
      : g_(g),
        x_(x),
        first_(first),
        last_(last),
        row_(int64_t{g.w.taps} * g.c),
        whole_rows_(g.w.dilation == 1 && g.x_pitch == g.c),
        first_t_(int(first / row_) / g.h.taps),
        first_h_(int(first / row_) % g.h.taps),
        first_from_(first % row_) {}

  // Of `count` output pixels from `pixel` on, a row of `pitch` values for each.
  template <class To>
  void gather(int64_t pixel, int64_t count, int64_t pitch, To* to) const {
    ConvPixel at = ConvPixel::of_output(g_, pixel);
    while (count > 0) {
      const int64_t together = std::min<int64_t>(count, g_.w.out - at.w);
      gather_row(at, together, pitch, to);
      count -= together, to += together * pitch;
      at.w = g_.w.out - 1;  // the last of its row
      at.next_output(g_);
    }
  }

 private:
  // Of some pixels of a row of the output, a row of their windows at a time.
  template <class To>
  void gather_row(const ConvPixel& at, int64_t count, int64_t pitch, To* to) const {
    int t = first_t_, h = first_h_;
    for (int64_t i = first_, from = first_from_; i < last_; from = 0) {
      const int64_t values = std::min(row_ - from, last_ - i);
      const int in_t = g_.t.input_of(at.t, t), in_h = g_.h.input_of(at.h, h);
      if (g_.t.has_input(in_t) && g_.h.has_input(in_h)) {
        const int64_t row = ((int64_t{at.n} * g_.t.in + in_t) * g_.h.in + in_h) * g_.w.in;
        gather_values(x_ + row * g_.x_pitch, at.w, count, from, values, pitch, to);
      } else {
        for (int64_t u = 0; u < count; ++u) std::fill_n(to + u * pitch, values, To(0.0F));
      }
      i += values, to += values;
      if (++h == g_.h.taps) h = 0, ++t;
    }
  }

  // Values from `from` on of a row of the windows of pixels w, w + 1 and so on.
  template <class To>
  HWY_INLINE void gather_values(const T* x, int w, int64_t count, int64_t from, int64_t values,
                                int64_t pitch, To* to) const {
    int in_w = g_.w.input_of(w, 0);
    for (int64_t u = 0; u < count; ++u, in_w += g_.w.stride, to += pitch) {
      if (!whole_rows_) {
        gather_taps(x, in_w, from, from + values, to);
        continue;
      }
      // Values [inside, outside) of the row are in x: all of them but at the edges.
      const int64_t begin = int64_t{in_w} * g_.c, last = from + values;
      const int64_t inside = std::clamp(-begin, from, last);
      const int64_t outside = std::clamp(int64_t{g_.w.in} * g_.c - begin, inside, last);
      if (inside > from) std::fill_n(to, inside - from, To(0.0F));
      if (outside > inside) copy_values(x + (begin + inside), outside - inside, to + inside - from);
      if (last > outside) std::fill_n(to + outside - from, last - outside, To(0.0F));
    }
  }

  // Values [from, last) of a row of a window, tap by tap.
  template <class To>
  void gather_taps(const T* x, int in_w, int64_t from, int64_t last, To* to) const {
    auto tap = int(from / g_.c);
    in_w += tap * g_.w.dilation;
    for (; from < last; ++tap, in_w += g_.w.dilation) {
      const int64_t c = from - int64_t{tap} * g_.c, values = std::min(g_.c - c, last - from);
      if (g_.w.has_input(in_w))
        copy_values(x + int64_t{in_w} * g_.x_pitch + c, values, to);
      else
        std::fill_n(to, values, To(0.0F));
      from += values, to += values;
    }
  }

  const ConvGeometry& g_;
  const T* x_;
  int64_t first_, last_;
  int64_t row_;      // values of a window at one position in time and height
  bool whole_rows_;  // and whether they lie side by side in x
  // Where the part begins: position in time, in height, value of that row.
  int first_t_, first_h_;
  int64_t first_from_;
};

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
