#include "autograd/ops/linear.h"

#include "autograd/ops/cast.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/measured_kernel.h"
#include "autograd/ops/reshape.h"
#include "autograd/ops/sum_pairs.h"
#include "autograd/ops/sum_pixels.h"

namespace sf {
namespace {

// All that the time of a kernel depends on.
std::string measured_text(const LinearProblem& p) {
  return cat(p.dtype, p.tf32 ? " tf32 " : " ", p.rows, "x", p.in, " to ", p.out,
             p.bias ? " bias" : "", p.activation == Activation::relu ? " relu" : "", " pitches ",
             p.x_pitch, " ", p.y_pitch);
}

}  // namespace

Value linear(Value x, Value weight, Value bias) {
  auto op = std::make_shared<LinearOp>();
  op->bias = bool(bias);
  op->gradient_by_clip = x.graph().training() && x.graph().training()->gradients_by_clip;
  std::vector<Value> in{x, weight};
  if (bias) in.push_back(bias);
  return x.graph().apply(std::move(op), in)[0];
}

std::vector<TensorType> LinearOp::infer(std::span<const TensorType> in) const {
  const Shape &x = in[0].shape, &w = in[1].shape;
  SF_CHECK(x.rank() >= 1 && w.rank() == 2, "linear: wants x [.. in] and weight [out in], found ", x,
           " and ", w);
  SF_CHECK(x[-1] == w[1], "linear: x has ", x[-1], " features but the weight expects ", w[1]);
  SF_CHECK(in[0].dtype == in[1].dtype, "linear: x is ", in[0].dtype, " but the weight ",
           in[1].dtype);
  SF_CHECK(!bias || in[2].shape == Shape{w[0]}, "linear: wants a bias of ", w[0], " values, found ",
           in[2].shape);
  SF_CHECK(!bias || in[2].dtype == arithmetic_of(in[0].dtype), "linear: x of ", in[0].dtype,
           " wants a bias of ", arithmetic_of(in[0].dtype), ", found ", in[2].dtype);
  Shape y = x;
  y.set(-1, w[0]);
  return {{y, in[0].dtype}};
}

LinearProblem LinearOp::problem(const OpSite& site) const {
  const auto &x = site.in[0], &w = site.in[1];
  return {.dtype = x.type.dtype,
          .rows = x.type.shape.pixels(),
          .in = int(w.type.shape[1]),
          .out = int(w.type.shape[0]),
          .bias = bias,
          .activation = activation,
          .x_pitch = x.pitch,
          .y_pitch = site.out[0].pitch,
          .tf32 = site.kernels.tf32 && x.type.dtype == DType::f32};
}

Lowered LinearOp::lower(const OpSite& site) const {
  const LinearProblem p = problem(site);
  const auto args = [bias = bias](const Binding& b) {
    return LinearArgs{.x = b.in[0].data,
                      .w = b.in[1].data,
                      .bias = bias ? b.in[2].data : nullptr,
                      .y = b.out[0].data};
  };
  const auto& kernel = measured_kernel(
      linear_kernels(site.backend), p, site, name(), measured_text(p),
      [&](const auto& take) {
        const size_t size = size_of(p.dtype), out = size_t(p.out);
        return LinearArgs{.x = take(size_t(p.rows * p.x_pitch) * size),
                          .w = take(out * size_t(p.in) * size),
                          .bias = p.bias ? take(out * size_of(arithmetic_of(p.dtype))) : nullptr,
                          .y = take(size_t(p.rows * p.y_pitch) * size)};
      },
      1);
  return lower_kernel(kernel, p, site, args, 1);
}

// Gradients of weight and bias are taken in the arithmetic type, as a convolution's are.
std::vector<Value> LinearOp::grad(const GradSite& site) const {
  SF_CHECK(activation == Activation::none,
           "linear: wanted a plain layer to differentiate, found a fused one");
  const Value &x = site.in[0], &weight = site.in[1];
  const int64_t rows = x.shape().pixels(), in = weight.shape()[1], out = weight.shape()[0];
  const int64_t clips = gradient_by_clip && x.shape().rank() > 1 && rows > 0 ? x.shape()[0] : 1;
  const DType arithmetic = arithmetic_of(x.type().dtype);
  const Value dy = reshape(site.out_grad[0], {clips, rows / clips, out});
  std::vector<Value> grads(site.in.size());
  if (site.needed[0])
    grads[0] =
        reshape(matmul(dy, reshape(weight, {1, out, in}), {.shared_b = clips > 1}), x.shape());
  const Value exact_dy = cast(dy, arithmetic);
  if (site.needed[1]) {
    const Value exact_x = cast(reshape(x, {clips, rows / clips, in}), arithmetic);
    const Value dw = matmul(exact_dy, exact_x, {.transpose_a = true});
    grads[1] = clips > 1 ? sum_pairs(dw, weight.shape()) : reshape(dw, weight.shape());
  }
  if (bias && site.needed[2]) {
    const Value db = sum_pixels(exact_dy, clips > 1 ? Shape{clips, out} : Shape{out});
    grads[2] = clips > 1 ? sum_pairs(db, {out}) : db;
  }
  return grads;
}

bool LinearOp::takes_pitch(const OpSite& site) const {
  return best_kernel(linear_kernels(site.backend), problem(dense(site)), name())
      .can_run(problem(site));
}

double LinearOp::flops(const OpSite& site) const {
  const LinearProblem p = problem(site);
  return 2.0 * double(p.rows) * p.in * p.out;
}

}  // namespace sf
