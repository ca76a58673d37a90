#include "data/picture_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "data/picture_affine.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr int kLongestSide = 16384;
constexpr double kLargestAmount = 1e6;

using Table = std::array<uint8_t, 256>;  // the new value of each old one

// The table of v -> f(v), cut down to whole numbers and to [0, 255].
template <class F>
Table table(const F& f) {
  Table t;
  for (int v = 0; v < 256; ++v) t[size_t(v)] = uint8_t(std::clamp(double(f(v)), 0.0, 255.0));
  return t;
}

const auto kSame = [](int v) { return v; };

void look_up(const Picture& p, const std::array<Table, 3>& tables, uint8_t* out) {
  for (int y = 0; y < p.height; ++y) {
    const uint8_t* in = p.row(y);
    for (int x = 0; x < p.width; ++x, in += 3, out += 3)
      for (size_t c = 0; c < 3; ++c) out[c] = tables[c][in[c]];
  }
}

void look_up(const Picture& p, const Table& t, uint8_t* out) { look_up(p, {t, t, t}, out); }

using Histogram = std::array<int64_t, 256>;  // how many pixels have each value

std::array<Histogram, 3> histograms(const Picture& p) {
  std::array<Histogram, 3> h{};
  for (int y = 0; y < p.height; ++y) {
    const uint8_t* in = p.row(y);
    for (int x = 0; x < p.width; ++x, in += 3)
      for (size_t c = 0; c < 3; ++c) ++h[c][in[c]];
  }
  return h;
}

Table stretching(const Histogram& h) {
  int low = 0, high = 255;
  while (low < 255 && h[size_t(low)] == 0) ++low;
  while (high > 0 && h[size_t(high)] == 0) --high;
  if (high <= low) return table(kSame);
  const double scale = 255.0 / (high - low);
  const double offset = -low * scale;
  return table([&](int v) { return v * scale + offset; });
}

Table equalizing(const Histogram& h) {
  const auto last = std::find_if(h.rbegin(), h.rend(), [](int64_t n) { return n > 0; });
  const int64_t pixels = std::accumulate(h.begin(), h.end(), int64_t(0));
  const int64_t step = last == h.rend() ? 0 : (pixels - *last) / 255;
  if (step == 0) return table(kSame);
  int64_t n = step / 2;
  return table([&](int v) {
    const int64_t level = std::min<int64_t>(n / step, 255);
    n += h[size_t(v)];
    return level;
  });
}

template <class MakeTable>
void look_up_by_channel(const Picture& p, const MakeTable& make_table, uint8_t* out) {
  const auto h = histograms(p);
  look_up(p, {make_table(h[0]), make_table(h[1]), make_table(h[2])}, out);
}

int grey_of(const uint8_t* pixel) {
  return (19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 0x8000) >> 16;
}

// From what the value is at 0 to what it is at 1, and beyond.
uint8_t blend(int zero, int one, float amount) {
  return uint8_t(std::clamp(float(zero) + amount * float(one - zero), 0.0f, 255.0f));
}

int mean_grey(const Picture& p) {
  int64_t sum = 0;
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x) sum += grey_of(p.row(y) + 3 * int64_t(x));
  return int(std::floor(double(sum) / (double(p.height) * p.width) + 0.5));
}

void change_color(const Picture& p, float amount, uint8_t* out) {
  for (int y = 0; y < p.height; ++y) {
    const uint8_t* in = p.row(y);
    for (int x = 0; x < p.width; ++x, in += 3, out += 3) {
      const int grey = grey_of(in);
      for (int c = 0; c < 3; ++c) out[c] = blend(grey, in[c], amount);
    }
  }
}

// Away from a picture smoothed by (1 1 1; 1 5 1; 1 1 1) / 13, whose border is that of the picture.
void change_sharpness(const Picture& p, float amount, uint8_t* out) {
  for (int y = 0; y < p.height; ++y, out += 3 * int64_t(p.width)) {
    const uint8_t* in = p.row(y);
    std::copy_n(in, 3 * int64_t(p.width), out);
    if (y == 0 || y == p.height - 1) continue;
    const uint8_t* above = p.row(y - 1);
    const uint8_t* below = p.row(y + 1);
    for (int64_t i = 3; i < 3 * int64_t(p.width - 1); ++i) {
      const int sum = above[i - 3] + above[i] + above[i + 3] + in[i - 3] + 5 * in[i] + in[i + 3] +
                      below[i - 3] + below[i] + below[i + 3];
      out[i] = blend((2 * sum + 13) / 26, in[i], amount);
    }
  }
}

Table blending_from(int zero, float amount) {
  return table([&](int v) { return blend(zero, v, amount); });
}

AffineMatrix matrix_of(const PictureOp& op, int width, int height) {
  switch (op.change) {
    case PictureChange::rotate: return rotation(op.amount, width, height);
    case PictureChange::shear_x: return {1, op.amount, 0, 0, 1, 0};
    case PictureChange::shear_y: return {1, 0, 0, op.amount, 1, 0};
    case PictureChange::translate_x: return {1, 0, op.amount * width, 0, 1, 0};
    default: return {1, 0, 0, 0, 1, op.amount * height};
  }
}

}  // namespace

void change_picture(const Picture& p, const PictureOp& op, uint8_t* out) {
  SF_CHECK(std::abs(op.amount) <= kLargestAmount, "picture: wanted an amount of change of at most ",
           kLargestAmount, ", found ", op.amount);
  SF_CHECK(p.height <= kLongestSide && p.width <= kLongestSide, "picture: wanted sides of at most ",
           kLongestSide, ", found ", p.height, "x", p.width);
  const double amount = op.amount;
  const auto factor = float(amount);
  switch (op.change) {
    case PictureChange::auto_contrast: return look_up_by_channel(p, stretching, out);
    case PictureChange::equalize: return look_up_by_channel(p, equalizing, out);
    case PictureChange::invert: return look_up(p, table([](int v) { return 255 - v; }), out);
    case PictureChange::posterize: {
      const int dropped = 8 - int(std::clamp(amount, 0.0, 8.0));
      return look_up(p, table([&](int v) { return v >> dropped << dropped; }), out);
    }
    case PictureChange::solarize:
      return look_up(p, table([&](int v) { return v < amount ? v : 255 - v; }), out);
    case PictureChange::solarize_add:
      return look_up(p, table([&](int v) { return v < 128 ? v + amount : v; }), out);
    case PictureChange::color: return change_color(p, factor, out);
    case PictureChange::contrast: return look_up(p, blending_from(mean_grey(p), factor), out);
    case PictureChange::brightness: return look_up(p, blending_from(0, factor), out);
    case PictureChange::sharpness: return change_sharpness(p, factor, out);
    case PictureChange::rotate:
    case PictureChange::shear_x:
    case PictureChange::shear_y:
    case PictureChange::translate_x:
    case PictureChange::translate_y:
      return transform_affine(p, matrix_of(op, p.width, p.height), op.interpolation, out);
  }
}

Picture PictureChanger::run(const Picture& picture, std::span<const PictureOp> ops) {
  Picture result = picture;
  for (size_t i = 0; i < ops.size(); ++i) {
    std::vector<uint8_t>& to = buffers_[i % 2];
    const int64_t stride = 3 * int64_t(picture.width);
    to.resize(size_t(stride * picture.height));
    change_picture(result, ops[i], to.data());
    result = {to.data(), stride, picture.width, picture.height};
  }
  return result;
}

}  // namespace sf
