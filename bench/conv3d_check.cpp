#include "conv3d_check.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "kernels/base/counter_rng.h"

namespace sf {
namespace {

Tensor random(std::string_view name, Shape shape, DType dtype) {
  Tensor t({shape});
  const CounterRng rng(name);
  for (size_t i = 0; float& v : t.span<float>()) v = rng.uniform(i++, -1, 1);
  return t.to(dtype).to(DType::f32);
}

// A result and the sum of the magnitudes of its terms, in double precision.
struct Exact {
  double value = 0, magnitude = 0;
  int64_t terms = 0;

  void add(double term) {
    value += term;
    magnitude += std::abs(term);
    ++terms;
  }
};

struct Position {
  int64_t n;
  int t, h, w;
};

Position position(int64_t pixel, int t, int h, int w) {
  return {pixel / w / h / t, int(pixel / w / h % t), int(pixel / w % h), int(pixel % w)};
}

// f(output position, input position, tap of the window) for all that belong to an output pixel.
template <class F>
void for_taps(const Conv3dProblem& p, const Position& out, const F& f) {
  for (int64_t tap = 0, taps = int64_t{p.kt} * p.kh * p.kw; tap < taps; ++tap) {
    const Position window = position(tap, p.kt, p.kh, p.kw);
    const Position in{out.n, out.t * p.stride[0] - p.pad[0] + window.t * p.dilation[0],
                      out.h * p.stride[1] - p.pad[1] + window.h * p.dilation[1],
                      out.w * p.stride[2] - p.pad[2] + window.w * p.dilation[2]};
    if (in.t >= 0 && in.t < p.t && in.h >= 0 && in.h < p.h && in.w >= 0 && in.w < p.w) f(in, tap);
  }
}

int64_t input_pixel(const Conv3dProblem& p, const Position& in) {
  return ((in.n * p.t + in.t) * p.h + in.h) * p.w + in.w;
}
int64_t weight_row(const Conv3dProblem& p, int k, int64_t tap) {
  return int64_t{k} * p.kt * p.kh * p.kw + tap;
}
// The first input channel of an output channel's group.
int first_channel(const Conv3dProblem& p, int k) { return k / (p.k / p.groups) * (p.c / p.groups); }

Exact exact_output(const Conv3dProblem& p, const ConvolutionData& b, int64_t pixel, int k) {
  const int per_group = p.c / p.groups;
  Exact sum;
  const float *x = b.x.span<float>().data(), *w = b.w.span<float>().data();
  for_taps(p, position(pixel, p.out_t(), p.out_h(), p.out_w()),
           [&](const Position& in, int64_t tap) {
             const float* row = x + input_pixel(p, in) * p.c + first_channel(p, k);
             const float* weight = w + weight_row(p, k, tap) * per_group;
             for (int c = 0; c < per_group; ++c) sum.add(double(row[c]) * weight[c]);
           });
  if (p.bias) sum.add(b.bias.span<float>()[size_t(k)]);
  if (p.residual) sum.add(b.residual.span<float>()[size_t(pixel * p.k + k)]);
  if (p.activation == Activation::relu) sum.value = std::max(sum.value, 0.0);
  return sum;
}

// Of the gradient by data at an input pixel, where an output pixel's gradient is b.residual.
Exact exact_by_data(const Conv3dProblem& p, const ConvolutionData& b, int64_t pixel, int c) {
  const Position at = position(pixel, p.t, p.h, p.w);
  const int per_group = p.c / p.groups, outputs = p.k / p.groups, first = c / per_group * outputs;
  Exact sum;
  // Outputs whose windows may reach it, by their first and last position in each dimension.
  const auto range = [](int in, int pad, int window, int dilation, int stride, int size) {
    const int reach = in + pad - (window - 1) * dilation;
    return std::pair{std::max(0, (reach + stride - 1) / stride),
                     std::min(size - 1, (in + pad) / stride)};
  };
  const auto [t0, t1] = range(at.t, p.pad[0], p.kt, p.dilation[0], p.stride[0], p.out_t());
  const auto [h0, h1] = range(at.h, p.pad[1], p.kh, p.dilation[1], p.stride[1], p.out_h());
  const auto [w0, w1] = range(at.w, p.pad[2], p.kw, p.dilation[2], p.stride[2], p.out_w());
  for (int t = t0; t <= t1; ++t)
    for (int h = h0; h <= h1; ++h)
      for (int w = w0; w <= w1; ++w)
        for_taps(p, {at.n, t, h, w}, [&](const Position& in, int64_t tap) {
          if (input_pixel(p, in) != pixel) return;
          const int64_t out = ((at.n * p.out_t() + t) * p.out_h() + h) * p.out_w() + w;
          for (int k = first; k < first + outputs; ++k)
            sum.add(double(b.residual.span<float>()[size_t(out * p.k + k)]) *
                    b.w.span<float>()[size_t(weight_row(p, k, tap) * per_group + c % per_group)]);
        });
  return sum;
}

// Of the gradient by weight at the c-th channel of the group.
Exact exact_by_weight(const Conv3dProblem& p, const ConvolutionData& b, int64_t row, int c) {
  const int64_t taps = int64_t{p.kt} * p.kh * p.kw;
  const int k = int(row / taps);
  Exact sum;
  for (int64_t pixel = 0; pixel < p.out_pixels(); ++pixel)
    for_taps(
        p, position(pixel, p.out_t(), p.out_h(), p.out_w()), [&](const Position& in, int64_t tap) {
          if (tap != row % taps) return;
          sum.add(double(b.residual.span<float>()[size_t(pixel * p.k + k)]) *
                  b.x.span<float>()[size_t(input_pixel(p, in) * p.c + first_channel(p, k) + c)]);
        });
  return sum;
}

// Rounding of an n-term float32 sum stays below n eps times the sum of magnitudes; random signs
// leave far less, so 4 sqrt(n) eps is generous. Transformed algorithms get 16 times that. TF32
// rounds both factors to 11 bits, a transformed algorithm in bf16 to 8, and a result is rounded
// once, to its type.
double bound(const Exact& wanted, bool exact_kernel, bool tf32, DType result) {
  const double sum = (exact_kernel ? 4 : 64) * std::sqrt(double(wanted.terms + 1)) * 6e-8;
  const bool rounds_factors = !exact_kernel && result == DType::bf16;
  const double factors = tf32 ? 0x1p-10 : rounds_factors ? 0x1p-8 : 0;
  const double stored = result == DType::bf16 ? 0x1p-8 : result == DType::f16 ? 0x1p-10 : 0;
  return (sum + factors) * wanted.magnitude + stored * std::abs(wanted.value);
}

// Whether `samples` of the elements of rows x columns are what exact(row, column) says.
template <class F>
bool all_close(const Tensor& found, int64_t columns, uint64_t samples, bool exact_kernel, bool tf32,
               DType result, const F& exact) {
  const CounterRng rng("samples");
  for (uint64_t i = 0; i < samples; ++i) {
    const auto at = int64_t(rng.bits(i) % uint64_t(found.numel()));
    const Exact wanted = exact(at / columns, int(at % columns));
    const double off = std::abs(found.span<float>()[size_t(at)] - wanted.value);
    if (!(off <= bound(wanted, exact_kernel, tf32, result))) return false;  // NaN too
  }
  return true;
}

}  // namespace

ConvolutionData::ConvolutionData(const Conv3dProblem& p)
    : x(random("x", {p.n, p.t, p.h, p.w, p.c}, p.dtype)),
      w(random("w", {p.k, p.kt, p.kh, p.kw, p.c / p.groups}, p.dtype)),
      bias(random("bias", {p.k}, DType::f32)),
      residual(random("residual", {p.n, p.out_t(), p.out_h(), p.out_w(), p.k}, p.dtype)) {}

bool close_to_exact(const Conv3dProblem& p, const ConvolutionData& b, const Tensor& y,
                    bool exact_kernel) {
  return all_close(y, p.k, 2000, exact_kernel, p.tf32, p.dtype,
                   [&](int64_t pixel, int k) { return exact_output(p, b, pixel, k); });
}

bool close_by_data(const Conv3dProblem& p, const ConvolutionData& b, const Tensor& dx,
                   bool exact_kernel) {
  return all_close(dx, p.c, 2000, exact_kernel, p.tf32, p.dtype,
                   [&](int64_t pixel, int c) { return exact_by_data(p, b, pixel, c); });
}

bool close_by_weight(const Conv3dProblem& p, const ConvolutionData& b, const Tensor& dw,
                     bool exact_kernel) {
  return all_close(dw, p.c / p.groups, 50, exact_kernel, p.tf32, DType::f32,
                   [&](int64_t row, int c) { return exact_by_weight(p, b, row, c); });
}

}  // namespace sf
