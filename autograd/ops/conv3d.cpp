#include "autograd/ops/conv3d.h"

#include <algorithm>

#include "autograd/ops/conv3d_backward.h"
#include "autograd/ops/measured_kernel.h"
#include "autograd/ops/sum_pairs.h"
#include "kernels/conv3d/problem_text.h"

namespace sf {
namespace {

constexpr const char* kAxes[] = {"T", "H", "W"};

}  // namespace

Value conv3d(Value x, Value weight, const Conv3dParams& params, Value bias) {
  auto op = std::make_shared<Conv3dOp>();
  op->params = params;
  op->bias = bool(bias);
  op->gradient_by_clip = x.graph().training() && x.graph().training()->gradients_by_clip;
  std::vector<Value> in{x, weight};
  if (bias) in.push_back(bias);
  return x.graph().apply(std::move(op), in)[0];
}

std::vector<TensorType> Conv3dOp::infer(std::span<const TensorType> in) const {
  const Shape &x = in[0].shape, &w = in[1].shape;
  SF_CHECK(x.rank() == 5 && w.rank() == 5, "conv3d: wants x N T H W C and weight O T H W C, found ",
           x, " and ", w);
  SF_CHECK(x[4] == w[4] * params.groups, "conv3d: x has ", x[4],
           " channels but the weight expects ", w[4] * params.groups);
  SF_CHECK(w[0] % params.groups == 0, "conv3d: ", w[0], " outputs do not divide into ",
           params.groups, " groups");
  SF_CHECK(in[0].dtype == in[1].dtype, "conv3d: x is ", in[0].dtype, " but the weight ",
           in[1].dtype);
  SF_CHECK(!bias || in[2].shape == Shape{w[0]}, "conv3d: wants a bias of ", w[0], " values, found ",
           in[2].shape);
  SF_CHECK(!bias || in[2].dtype == arithmetic_of(in[0].dtype), "conv3d: x of ", in[0].dtype,
           " wants a bias of ", arithmetic_of(in[0].dtype), ", found ", in[2].dtype);
  Shape out = x;
  for (int i = 0; i < 3; ++i) {
    const auto axis = size_t(i);
    const int64_t window = int64_t{params.dilation[axis]} * (w[i + 1] - 1) + 1;
    const int64_t room = x[i + 1] + 2 * params.pad[axis] - window;
    SF_CHECK(room >= 0, "conv3d: the window of ", window, " does not fit in ", x[i + 1], " + 2 * ",
             params.pad[axis], " positions of ", kAxes[i]);
    out.set(i + 1, room / params.stride[axis] + 1);
  }
  out.set(4, w[0]);
  const TensorType y{out, in[0].dtype};
  SF_CHECK(!residual || in.back() == y, "conv3d: wants a residual ", y, ", found ", in.back());
  if (sums) return {y, {{2 * w[0] + 1}, DType::f64}};
  return {y};
}

Conv3dProblem conv3d_problem(const Conv3dParams& params, const OpSite& site, const OpSite::Port& x,
                             const Shape& w, const OpSite::Port& y) {
  const Shape& s = x.type.shape;
  Conv3dProblem p;
  p.dtype = x.type.dtype;
  p.n = int(s[0]), p.t = int(s[1]), p.h = int(s[2]), p.w = int(s[3]), p.c = int(s[4]);
  p.k = int(w[0]), p.kt = int(w[1]), p.kh = int(w[2]), p.kw = int(w[3]);
  p.stride = params.stride;
  p.pad = params.pad;
  p.dilation = params.dilation;
  p.groups = params.groups;
  p.x_pitch = x.pitch;
  p.y_pitch = p.residual_pitch = y.pitch;
  p.tf32 = site.kernels.tf32 && p.dtype == DType::f32;
  p.winograd = site.kernels.winograd;
  return p;
}

Conv3dBytes::Conv3dBytes(const Conv3dProblem& p) {
  const size_t size = size_of(p.dtype), pixels = size_t(p.out_pixels());
  x = size_t(p.n) * size_t(p.t) * size_t(p.h) * size_t(p.w) * size_t(p.x_pitch) * size;
  w = size_t(p.k) * size_t(p.kt) * size_t(p.kh) * size_t(p.kw) * size_t(p.c / p.groups) * size;
  dw = w / size * size_of(arithmetic_of(p.dtype));
  bias = size_t(p.k) * size_of(arithmetic_of(p.dtype));
  residual = pixels * size_t(p.residual_pitch) * size;
  y = pixels * size_t(p.y_pitch) * size;
  sums = 2 * size_t(p.k) * sizeof(double);
}

std::string measured_text(const Conv3dProblem& p) {
  return cat(to_text(p), " pitches ", p.x_pitch, " ", p.y_pitch, " ", p.residual_pitch,
             p.sums ? " sums" : "", p.winograd ? " winograd" : "");
}

Conv3dProblem Conv3dOp::problem(const OpSite& site) const {
  Conv3dProblem p = conv3d_problem(params, site, site.in[0], site.in[1].type.shape, site.out[0]);
  p.bias = bias;
  p.residual = residual;
  p.activation = activation;
  p.sums = sums;
  if (residual) p.residual_pitch = site.in.back().pitch;
  return p;
}

std::vector<Value> Conv3dOp::grad(const GradSite& site) const {
  SF_CHECK(!residual && activation == Activation::none,
           "conv3d: wanted a plain convolution to differentiate, found a fused one");
  const Value &x = site.in[0], &weight = site.in[1], &dy = site.out_grad[0];
  std::vector<Value> grads(site.in.size());
  if (site.needed[0]) grads[0] = conv3d_backward_data(dy, weight, params, x.type());
  if (site.needed[1] || (bias && site.needed[2])) {
    const TensorType dw{weight.shape(), arithmetic_of(weight.type().dtype)};
    const bool by_clip = gradient_by_clip && x.shape()[0] > 1;
    auto by_weight = conv3d_backward_weight(x, dy, params, dw, bias, by_clip);
    if (by_clip) {
      by_weight[0] = sum_pairs(by_weight[0], dw.shape);
      if (bias) by_weight[1] = sum_pairs(by_weight[1], {dw.shape[0]});
    }
    std::ranges::copy(by_weight, grads.begin() + 1);
  }
  return grads;
}

Lowered Conv3dOp::lower(const OpSite& site) const {
  const Conv3dProblem p = problem(site);
  const auto& kernel = measured_kernel(
      conv3d_kernels(site.backend), p, site, name(), measured_text(p),
      [&](const auto& take) {
        const Conv3dBytes bytes(p);
        return Conv3dArgs{.x = take(bytes.x),
                          .w = take(bytes.w),
                          .bias = p.bias ? take(bytes.bias) : nullptr,
                          .residual = p.residual ? take(bytes.residual) : nullptr,
                          .y = take(bytes.y),
                          .sums = static_cast<double*>(p.sums ? take(bytes.sums) : nullptr),
                          .count = static_cast<double*>(p.sums ? take(sizeof(double)) : nullptr)};
      },
      1);
  const auto args = [bias = bias, residual = residual, sums = sums](const Binding& b) {
    auto* to = sums ? reinterpret_cast<double*>(b.out[1].data) : nullptr;
    return Conv3dArgs{.x = b.in[0].data,
                      .w = b.in[1].data,
                      .bias = bias ? b.in[2].data : nullptr,
                      .residual = residual ? b.in.back().data : nullptr,
                      .y = b.out[0].data,
                      .sums = to,
                      .count = to ? to + 2 * b.out[0].type.shape.channels() : nullptr};
  };
  return lower_kernel(kernel, p, site, args, 1);
}

bool Conv3dOp::takes_pitch(const OpSite& site) const {
  return best_kernel(conv3d_kernels(site.backend), problem(dense(site)), name())
      .can_run(problem(site));
}

std::string Conv3dOp::problem_text(const OpSite& site) const { return to_text(problem(site)); }

std::vector<int> Conv3dOp::inputs_by_frames(std::span<const TensorType> in) const {
  if (in[1].shape[1] != 1 || params.stride[0] != 1 || params.pad[0] != 0 || sums) return {};
  if (!residual) return {0};
  return {0, int(in.size()) - 1};
}

std::optional<int> Conv3dOp::reuses_input() const {
  if (!residual) return {};
  return bias ? 3 : 2;
}

}  // namespace sf
