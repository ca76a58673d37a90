// One value of the result, for host and device.
#pragma once

#include "kernels/base/rounded.h"

namespace sf {

// Two pixels of a row or a column, and their weights.
struct PixelPair {
  int near = 0;
  int far = 0;
  float near_weight = 1;
  float far_weight = 0;
};

// The neighbours of position `position` of `out` in a row or column of `in` pixels.
SF_HOST_DEVICE inline PixelPair neighbours(int in, int out, int position) {
  const float scale = float(in) / float(out);
  const float at = rounded_product(scale, float(position) + 0.5f) - 0.5f;
  const float inside = at > 0 ? at : 0;
  const int last = in - 1, near = int(inside) < last ? int(inside) : last;
  const float rest = inside - float(near), weight = rest < 1 ? rest : 1;
  return {near, near < last ? near + 1 : near, 1.0f - weight, weight};
}

SF_HOST_DEVICE inline float normalised(int value, float mean, float std) {
  return (float(value) / 255.0f - mean) / std;
}

// value(y, x): a normalised value of the picture.
template <class Value>
SF_HOST_DEVICE float blended(const PixelPair& v, const PixelPair& h, const Value& value) {
  const float near = rounded_product(h.near_weight, value(v.near, h.near)) +
                     rounded_product(h.far_weight, value(v.near, h.far));
  const float far = rounded_product(h.near_weight, value(v.far, h.near)) +
                    rounded_product(h.far_weight, value(v.far, h.far));
  return rounded_product(v.near_weight, near) + rounded_product(v.far_weight, far);
}

}  // namespace sf
