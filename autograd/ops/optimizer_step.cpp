#include "autograd/ops/optimizer_step.h"

#include "autograd/ops/gradient_norm.h"
#include "autograd/ops/lower.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {
namespace {

// Inputs: learning rate, step, factor if there is one, gradient, parameter, state of the optimiser.
class OptimizerOp : public Op {
 public:
  explicit OptimizerOp(bool has_factor, int states) : has_factor_(has_factor), states_(states) {}

  std::vector<int> written_inputs() const override {
    std::vector<int> written;
    for (int i = 0; i <= states_; ++i) written.push_back(int(parameter()) + i);
    return written;
  }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(in[0] == (TensorType{{1}, DType::f64}) && in[1] == (TensorType{{1}, DType::i64}),
             name(), ": wants a learning rate of f64 and a step of i64, found ", in[0], " and ",
             in[1]);
    SF_CHECK(!has_factor_ || in[2] == in[0], name(), ": wants a factor of f64, found ", in[2]);
    for (const TensorType& t : in.subspan(parameter()))
      SF_CHECK(t == in[gradient()], name(), ": the gradient is ", in[gradient()],
               ", a state of the parameter ", t);
    return {};
  }

 protected:
  size_t gradient() const { return has_factor_ ? 3 : 2; }
  size_t parameter() const { return gradient() + 1; }

  StepArgs step(const Binding& b) const {
    return {.learning_rate = reinterpret_cast<const double*>(b.in[0].data),
            .step = reinterpret_cast<const int64_t*>(b.in[1].data),
            .factor = has_factor_ ? reinterpret_cast<const double*>(b.in[2].data) : nullptr};
  }

 private:
  bool has_factor_;
  int states_;
};

class SgdOp : public OptimizerOp {
 public:
  SgdOp(bool has_factor, const SgdOptions& options)
      : OptimizerOp(has_factor, options.momentum != 0), options_(options) {}
  std::string_view name() const override { return "sgd"; }

  Lowered lower(const OpSite& site) const override {
    const TensorType& type = site.in[parameter()].type;
    const SgdProblem p{.dtype = type.dtype,
                       .n = type.shape.numel(),
                       .momentum = options_.momentum,
                       .dampening = options_.dampening,
                       .weight_decay = options_.weight_decay,
                       .nesterov = options_.nesterov};
    const auto args = [op = *this](const Binding& b) {
      const size_t at = op.parameter();
      return SgdArgs{.step = op.step(b),
                     .g = b.in[op.gradient()].data,
                     .p = b.in[at].data,
                     .buffer = op.options_.momentum != 0 ? b.in[at + 1].data : nullptr};
    };
    return lower_kernel(best_kernel(sgd_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  SgdOptions options_;
};

class AdamOp : public OptimizerOp {
 public:
  AdamOp(bool has_factor, const AdamOptions& options)
      : OptimizerOp(has_factor, 2), options_(options) {}
  std::string_view name() const override { return options_.decoupled ? "adamw" : "adam"; }

  Lowered lower(const OpSite& site) const override {
    const TensorType& type = site.in[parameter()].type;
    const AdamProblem p{.dtype = type.dtype,
                        .n = type.shape.numel(),
                        .beta1 = options_.beta1,
                        .beta2 = options_.beta2,
                        .epsilon = options_.epsilon,
                        .weight_decay = options_.weight_decay,
                        .decoupled = options_.decoupled};
    const auto args = [op = *this](const Binding& b) {
      const size_t at = op.parameter();
      return AdamArgs{.step = op.step(b),
                      .g = b.in[op.gradient()].data,
                      .p = b.in[at].data,
                      .mean = b.in[at + 1].data,
                      .square = b.in[at + 2].data};
    };
    return lower_kernel(best_kernel(adam_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  AdamOptions options_;
};

class LarsOp : public Op {  // inputs: parameter, gradient, their sums of squares
 public:
  explicit LarsOp(const LarsOptions& options) : options_(options) {}
  std::string_view name() const override { return "lars"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[1]}; }
  std::optional<int> reuses_input() const override { return 1; }

  Lowered lower(const OpSite& site) const override {
    const TensorType& type = site.in[0].type;
    const LarsProblem p{.dtype = type.dtype,
                        .n = type.shape.numel(),
                        .trust = options_.trust,
                        .epsilon = options_.epsilon,
                        .weight_decay = options_.weight_decay};
    const auto args = [](const Binding& b) {
      return LarsArgs{.p = b.in[0].data,
                      .g = b.in[1].data,
                      .p_squares = reinterpret_cast<const double*>(b.in[2].data),
                      .g_squares = reinterpret_cast<const double*>(b.in[3].data),
                      .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(lars_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  LarsOptions options_;
};

std::vector<Value> inputs_of(const StepInputs& s, std::initializer_list<Value> rest) {
  std::vector<Value> in{s.learning_rate, s.step};
  if (s.factor) in.push_back(s.factor);
  in.insert(in.end(), rest);
  return in;
}

}  // namespace

void sgd_step(Value parameter, Value gradient, Value buffer, const StepInputs& inputs,
              const SgdOptions& options) {
  auto in = inputs_of(inputs, {gradient, parameter});
  if (options.momentum != 0) in.push_back(buffer);
  parameter.graph().apply(std::make_shared<SgdOp>(bool(inputs.factor), options), in);
}

void adam_step(Value parameter, Value gradient, Value mean, Value square, const StepInputs& inputs,
               const AdamOptions& options) {
  const auto in = inputs_of(inputs, {gradient, parameter, mean, square});
  parameter.graph().apply(std::make_shared<AdamOp>(bool(inputs.factor), options), in);
}

Value lars_gradient(Value parameter, Value gradient, const LarsOptions& options) {
  return parameter.graph().apply1(
      std::make_shared<LarsOp>(options),
      {parameter, gradient, sum_of_squares(parameter), sum_of_squares(gradient)});
}

}  // namespace sf
