#include "data/picture_affine.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr uint8_t kGrey = 128;

double bilinear(double near, double far, double at) { return near + (far - near) * at; }

double bicubic(double v1, double v2, double v3, double v4, double at) {
  const double p2 = -v1 + v3, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
  return v2 + at * (p2 + at * (p3 + at * p4));
}

// Where a sample lies between pixel centres: those of the pixel `first` and the next one.
struct Place {
  int first;
  double at;

  explicit Place(double position)
      : first(int(std::floor(position - 0.5))), at(position - 0.5 - first) {}
};

struct Bilinear {
  static constexpr int kTaps = 2;
  static constexpr int kBefore = 0;  // taps left of `first`
  static double blend(const double (&v)[2], double at) { return bilinear(v[0], v[1], at); }
};

struct Bicubic {
  static constexpr int kTaps = 4;
  static constexpr int kBefore = 1;
  static double blend(const double (&v)[4], double at) {
    return bicubic(v[0], v[1], v[2], v[3], at);
  }
};

template <class Kernel>
void sample(const Picture& picture, const Place& px, const Place& py, uint8_t* out) {
  constexpr int kTaps = Kernel::kTaps, kOwn = Kernel::kBefore;
  int64_t columns[kTaps];
  const uint8_t* rows[kTaps];
  for (int tap = 0; tap < kTaps; ++tap) {
    columns[tap] = 3 * int64_t(std::clamp(px.first + tap - kOwn, 0, picture.width - 1));
    rows[tap] = picture.row(std::clamp(py.first + tap - kOwn, 0, picture.height - 1));
  }
  for (int c = 0; c < 3; ++c) {
    // At a pixel centre the other taps weigh nothing, exactly.
    const auto along = [&](const uint8_t* row) -> double {
      if (px.at == 0) return row[columns[kOwn] + c];
      double v[kTaps];
      for (int tap = 0; tap < kTaps; ++tap) v[tap] = row[columns[tap] + c];
      return Kernel::blend(v, px.at);
    };
    double result;
    if (py.at == 0) {
      result = along(rows[kOwn]);
    } else {
      double v[kTaps];
      for (int tap = 0; tap < kTaps; ++tap) v[tap] = along(rows[tap]);
      result = Kernel::blend(v, py.at);
    }
    out[c] = uint8_t(std::clamp(result, 0.0, 255.0));
  }
}

template <class Kernel>
void interpolate(const Picture& p, const AffineMatrix& m, uint8_t* out) {
  for (int y = 0; y < p.height; ++y) {
    for (int x = 0; x < p.width; ++x, out += 3) {
      const double xin = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2];
      const double yin = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5];
      if (xin >= 0 && xin < p.width && yin >= 0 && yin < p.height)
        sample<Kernel>(p, Place(xin), Place(yin), out);
      else
        std::fill_n(out, 3, kGrey);
    }
  }
}

void copy_pixel(const Picture& p, int x, int y, uint8_t* out) {
  if (x >= 0 && x < p.width && y >= 0 && y < p.height)
    std::copy_n(p.row(y) + 3 * int64_t(x), 3, out);
  else
    std::fill_n(out, 3, kGrey);
}

// Pillow adds up the positions of a scaling in float64 and those of others in 16.16 fixed point.
void nearest_scaled(const Picture& p, const AffineMatrix& m, uint8_t* out) {
  const auto whole = [](double v) { return v < 0 ? -1 : int(v); };
  double yin = m[5] + m[4] * 0.5;
  for (int y = 0; y < p.height; ++y, yin += m[4]) {
    double xin = m[2] + m[0] * 0.5;
    for (int x = 0; x < p.width; ++x, xin += m[0], out += 3)
      copy_pixel(p, whole(xin), whole(yin), out);
  }
}

void nearest(const Picture& p, const AffineMatrix& m, uint8_t* out) {
  const auto fixed = [](double v) { return int64_t(std::floor(v * 65536.0 + 0.5)); };
  const int64_t xx = fixed(m[0]), xy = fixed(m[1]), yx = fixed(m[3]), yy = fixed(m[4]);
  int64_t row_x = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5);
  int64_t row_y = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
  for (int y = 0; y < p.height; ++y, row_x += xy, row_y += yy) {
    int64_t xin = row_x, yin = row_y;
    for (int x = 0; x < p.width; ++x, xin += xx, yin += yx, out += 3)
      copy_pixel(p, int(xin >> 16), int(yin >> 16), out);
  }
}

// To 15 decimal places, as Python's round(). Exact where multiplying and dividing is not.
double rounded(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 15).ptr;
  std::from_chars(text, end, value);
  return value;
}

}  // namespace

void transform_affine(const Picture& p, const AffineMatrix& m, Interpolation interpolation,
                      uint8_t* out) {
  for (int y : {0, p.height}) {
    for (int x : {0, p.width}) {
      SF_CHECK(std::abs(x * m[0] + y * m[1] + m[2]) < 32768 &&
                   std::abs(x * m[3] + y * m[4] + m[5]) < 32768,
               "picture: wanted a transform that stays within 32767 pixels of ", p.height, "x",
               p.width, ", found one that does not");
    }
  }
  if (interpolation == Interpolation::bicubic) return interpolate<Bicubic>(p, m, out);
  if (interpolation == Interpolation::bilinear) return interpolate<Bilinear>(p, m, out);
  if (m[1] == 0 && m[3] == 0) return nearest_scaled(p, m, out);
  nearest(p, m, out);
}

AffineMatrix rotation(double degrees, int width, int height) {
  double turn = std::fmod(degrees, 360.0);
  if (turn < 0) turn += 360.0;
  const double angle = -(turn * (std::numbers::pi / 180));
  AffineMatrix m{rounded(std::cos(angle)),  rounded(std::sin(angle)), 0,
                 rounded(-std::sin(angle)), rounded(std::cos(angle)), 0};
  const double x = width / 2.0, y = height / 2.0;
  m[2] = (m[0] * -x + m[1] * -y) + x;
  m[5] = (m[3] * -x + m[4] * -y) + y;
  return m;
}

}  // namespace sf
