#include "autograd/ops/batch_norm.h"

#include "autograd/ops/lower.h"
#include "kernels/batch_norm/batch_norm.h"

namespace sf {
namespace {

void check_channels(std::span<const TensorType> values, int64_t channels, std::string_view op) {
  for (const TensorType& v : values)
    SF_CHECK(v.shape == Shape{channels}, op, ": wants ", channels, " values a statistic, found ",
             v.shape);
}

FoldProblem fold_problem(const TensorType& output, double epsilon) {
  const int64_t k = output.shape[0];
  return {.dtype = output.dtype,
          .k = int(k),
          .per_output = output.shape.numel() / std::max<int64_t>(k, 1),
          .epsilon = epsilon};
}

class FoldScaleOp : public Op {  // inputs: weight, gamma, variance
 public:
  explicit FoldScaleOp(double epsilon) : epsilon_(epsilon) {}
  std::string_view name() const override { return "fold_scale"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_channels(in.subspan(1), in[0].shape[0], name());
    return {in[0]};
  }

  Lowered lower(const OpSite& site) const override {
    const FoldProblem p = fold_problem(site.out[0].type, epsilon_);
    const auto args = [](const Binding& b) {
      return FoldScaleArgs{
          .w = b.in[0].data, .gamma = b.in[1].data, .variance = b.in[2].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(fold_scale_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  double epsilon_;
};

class FoldBiasOp
    : public Op {  // inputs: gamma, beta, mean, variance, then the bias if there is one
 public:
  explicit FoldBiasOp(double epsilon) : epsilon_(epsilon) {}
  std::string_view name() const override { return "fold_bias"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_channels(in, in[0].shape[0], name());
    return {in[0]};
  }

  Lowered lower(const OpSite& site) const override {
    const FoldProblem p = fold_problem(site.out[0].type, epsilon_);
    const auto args = [](const Binding& b) {
      return FoldBiasArgs{.bias = b.in.size() > 4 ? b.in[4].data : nullptr,
                          .gamma = b.in[0].data,
                          .beta = b.in[1].data,
                          .mean = b.in[2].data,
                          .variance = b.in[3].data,
                          .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(fold_bias_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  double epsilon_;
};

}  // namespace

Value batch_norm(Value x, const BatchNormStatistics& s) {
  auto op = std::make_shared<BatchNormOp>();
  op->epsilon = s.epsilon;
  return x.graph().apply1(std::move(op), {x, s.gamma, s.beta, s.mean, s.variance});
}

Value fold_scale(Value weight, const BatchNormStatistics& s) {
  return weight.graph().apply1(std::make_shared<FoldScaleOp>(s.epsilon),
                               {weight, s.gamma, s.variance});
}

Value fold_bias(const BatchNormStatistics& s, Value bias) {
  std::vector<Value> in{s.gamma, s.beta, s.mean, s.variance};
  if (bias) in.push_back(bias);
  return s.gamma.graph().apply(std::make_shared<FoldBiasOp>(s.epsilon), in)[0];
}

std::vector<TensorType> BatchNormOp::infer(std::span<const TensorType> in) const {
  check_channels(in.subspan(1), in[0].shape.channels(), name());
  return {in[0]};
}

Lowered BatchNormOp::lower(const OpSite& site) const {
  const auto& x = site.in[0];
  const BatchNormProblem p{.dtype = x.type.dtype,
                           .pixels = x.type.shape.pixels(),
                           .c = int(x.type.shape.channels()),
                           .epsilon = epsilon,
                           .x_pitch = x.pitch,
                           .y_pitch = site.out[0].pitch};
  const auto args = [](const Binding& b) {
    return BatchNormArgs{.x = b.in[0].data,
                         .gamma = b.in[1].data,
                         .beta = b.in[2].data,
                         .mean = b.in[3].data,
                         .variance = b.in[4].data,
                         .y = b.out[0].data};
  };
  return lower_kernel(best_kernel(batch_norm_kernels(site.backend), p, name()), p, site, args);
}

}  // namespace sf
