#include "conv3d_check.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "kernels/base/counter_rng.h"

namespace sf {
namespace {

Tensor random(std::string_view name, Shape shape, DType dtype) {
  Tensor t({shape});
  const CounterRng rng(name);
  for (size_t i = 0; float& v : t.span<float>()) v = rng.uniform(i++, -1, 1);
  return t.to(dtype).to(DType::f32);
}

// One output and the sum of the magnitudes of its terms, in double precision.
struct Exact {
  double value = 0, magnitude = 0;
};

Exact exact_output(const Conv3dProblem& p, const ConvolutionData& b, int64_t pixel, int k) {
  const int ow = p.out_w(), oh = p.out_h(), ot = p.out_t();
  const auto q = int(pixel % ow), row = int(pixel / ow % oh), z = int(pixel / ow / oh % ot);
  const int64_t n = pixel / ow / oh / ot;
  const int per_group = p.c / p.groups, first = k / (p.k / p.groups) * per_group;
  Exact sum;
  const auto add = [&sum](double term) {
    sum.value += term;
    sum.magnitude += std::abs(term);
  };
  const float *x = b.x.span<float>().data(), *w = b.w.span<float>().data();
  for (int t = 0; t < p.kt; ++t)
    for (int r = 0; r < p.kh; ++r)
      for (int s = 0; s < p.kw; ++s) {
        const int it = z * p.stride[0] - p.pad[0] + t * p.dilation[0],
                  ih = row * p.stride[1] - p.pad[1] + r * p.dilation[1],
                  iw = q * p.stride[2] - p.pad[2] + s * p.dilation[2];
        if (it < 0 || it >= p.t || ih < 0 || ih >= p.h || iw < 0 || iw >= p.w) continue;
        const float* in = x + (((n * p.t + it) * p.h + ih) * p.w + iw) * p.c + first;
        const float* weight = w + (((int64_t{k} * p.kt + t) * p.kh + r) * p.kw + s) * per_group;
        for (int c = 0; c < per_group; ++c) add(double(in[c]) * weight[c]);
      }
  if (p.bias) add(b.bias.span<float>()[size_t(k)]);
  if (p.residual) add(b.residual.span<float>()[size_t(pixel * p.k + k)]);
  if (p.activation == Activation::relu) sum.value = std::max(sum.value, 0.0);
  return sum;
}

// Half a unit in the last place of what products and results are rounded to.
double rounding(const Conv3dProblem& p) {
  if (p.dtype == DType::bf16) return 0x1p-9;
  return p.dtype == DType::f16 || p.tf32 ? 0x1p-11 : 0x1p-24;
}

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (size_t i = 0; const float v : a.span<float>()) sum += double(v) * b.span<float>()[i++];
  return sum;
}

}  // namespace

ConvolutionData::ConvolutionData(const Conv3dProblem& p)
    : x(random("x", {p.n, p.t, p.h, p.w, p.c}, p.dtype)),
      w(random("w", {p.k, p.kt, p.kh, p.kw, p.c / p.groups}, p.dtype)),
      bias(random("bias", {p.k}, DType::f32)),
      residual(random("residual", {p.n, p.out_t(), p.out_h(), p.out_w(), p.k}, p.dtype)) {}

// Rounding of an n-term float32 sum stays below n eps
// times the sum of magnitudes; random signs leave far less, so 4 sqrt(n) eps is generous.
// Transformed algorithms get 16 times that. Results and factors of fewer bits are rounded once.
bool close_to_exact(const Conv3dProblem& p, const ConvolutionData& b, const Tensor& y,
                    bool exact_kernel) {
  const double terms = double(p.c) / p.groups * p.kt * p.kh * p.kw + 2;
  const double bound = (exact_kernel ? 4 : 64) * std::sqrt(terms) * 6e-8 + 2 * rounding(p);
  const CounterRng rng("samples");
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto pixel = int64_t(rng.bits(2 * i) % uint64_t(p.out_pixels()));
    const auto k = int(rng.bits(2 * i + 1) % uint64_t(p.k));
    const Exact wanted = exact_output(p, b, pixel, k);
    const double found = y.span<float>()[size_t(pixel * p.k + k)];
    if (!(std::abs(found - wanted.value) <= bound * wanted.magnitude)) return false;
  }
  return true;
}

bool close_to_adjoint(const Conv3dProblem& p, const Tensor& gradient, const Tensor& by,
                      const Tensor& y, const Tensor& dy) {
  const double wanted = dot(y, dy), found = dot(gradient, by);
  return std::abs(found - wanted) <= 16 * rounding(p) * std::sqrt(dot(y, y) * dot(dy, dy));
}

}  // namespace sf
