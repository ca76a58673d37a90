#include "autograd/ops/optimizer_step.h"

#include "autograd/ops/array_list.h"
#include "autograd/ops/gradient_norm.h"
#include "autograd/ops/lower.h"

namespace sf {
namespace {

// Inputs: learning rate, step, factor if there is one, gradients, parameters, each kind of memory.
class OptimizerOp : public Op {
 public:
  OptimizerOp(size_t parameters, bool has_factor, size_t memories)
      : count_(parameters), has_factor_(has_factor), memories_(memories) {}

  std::vector<int> written_inputs() const override {
    std::vector<int> written;
    for (size_t i = 0; i < count_ * (1 + memories_); ++i)
      written.push_back(int(first() + count_ + i));
    return written;
  }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(in[0] == (TensorType{{1}, DType::f64}) && in[1] == (TensorType{{1}, DType::i64}),
             name(), ": wants a learning rate of f64 and a step of i64, found ", in[0], " and ",
             in[1]);
    SF_CHECK(!has_factor_ || in[2] == in[0], name(), ": wants a factor of f64, found ", in[2]);
    const auto gradients = in.subspan(first(), count_), states = in.subspan(first() + count_);
    check_arrays(name(), gradients);
    for (size_t i = 0; i < states.size(); ++i)
      SF_CHECK(states[i] == gradients[i % count_], name(), ": the gradient is ",
               gradients[i % count_], ", a state of the parameter ", states[i]);
    return {};
  }

 protected:
  size_t first() const { return has_factor_ ? 3 : 2; }

  DType dtype(const OpSite& site) const { return site.in[first()].type.dtype; }
  ArraySizes sizes(const OpSite& site) const {
    return array_sizes(std::span(site.in).subspan(first(), count_));
  }
  // Kind 0: gradients, 1: parameters, further: memory.
  template <class Void>
  ArrayList<Void> list(const Binding& b, size_t kind) const {
    return array_list<Void>(b.in.subspan(first() + kind * count_, count_));
  }
  StepArgs step(const Binding& b) const {
    return {.learning_rate = reinterpret_cast<const double*>(b.in[0].data),
            .step = reinterpret_cast<const int64_t*>(b.in[1].data),
            .factor = has_factor_ ? reinterpret_cast<const double*>(b.in[2].data) : nullptr};
  }

 private:
  size_t count_;
  bool has_factor_;
  size_t memories_;
};

class SgdOp : public OptimizerOp {
 public:
  SgdOp(size_t parameters, bool has_factor, const SgdRule& rule)
      : OptimizerOp(parameters, has_factor, memories(rule)), rule_(rule) {}
  static size_t memories(const SgdRule& rule) { return rule.momentum != 0 ? 1 : 0; }
  std::string_view name() const override { return "sgd"; }

  Lowered lower(const OpSite& site) const override {
    const SgdProblem p{.dtype = dtype(site), .sizes = sizes(site), .rule = rule_};
    const auto args = [op = *this](const Binding& b) {
      SgdArgs a{.step = op.step(b), .g = op.list<const void>(b, 0), .p = op.list<void>(b, 1)};
      if (op.rule_.momentum != 0) a.buffer = op.list<void>(b, 2);
      return a;
    };
    return lower_kernel(best_kernel(sgd_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  SgdRule rule_;
};

class AdamOp : public OptimizerOp {
 public:
  AdamOp(size_t parameters, bool has_factor, const AdamRule& rule)
      : OptimizerOp(parameters, has_factor, memories(rule)), rule_(rule) {}
  static size_t memories(const AdamRule&) { return 2; }
  std::string_view name() const override { return rule_.decoupled ? "adamw" : "adam"; }

  Lowered lower(const OpSite& site) const override {
    const AdamProblem p{.dtype = dtype(site), .sizes = sizes(site), .rule = rule_};
    const auto args = [op = *this](const Binding& b) {
      return AdamArgs{.step = op.step(b),
                      .g = op.list<const void>(b, 0),
                      .p = op.list<void>(b, 1),
                      .mean = op.list<void>(b, 2),
                      .square = op.list<void>(b, 3)};
    };
    return lower_kernel(best_kernel(adam_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  AdamRule rule_;
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

// Adds nodes of OneOp, each for as many parameters as a kernel takes.
template <class OneOp, class Rule>
void apply(const std::vector<Learning>& all, const StepInputs& s, const Rule& rule) {
  for_array_parts(std::span(all), [&](std::span<const Learning> part) {
    std::vector<Value> in{s.learning_rate, s.step};
    if (s.factor) in.push_back(s.factor);
    for (const Learning& l : part) in.push_back(l.gradient);
    for (const Learning& l : part) in.push_back(l.parameter);
    for (size_t m = 0; m < OneOp::memories(rule); ++m)
      for (const Learning& l : part) in.push_back(l.memory.at(m));
    in[0].graph().apply(std::make_shared<OneOp>(part.size(), bool(s.factor), rule), in);
  });
}

}  // namespace

void sgd_step(const std::vector<Learning>& parameters, const StepInputs& inputs,
              const SgdRule& rule) {
  apply<SgdOp>(parameters, inputs, rule);
}

void adam_step(const std::vector<Learning>& parameters, const StepInputs& inputs,
               const AdamRule& rule) {
  apply<AdamOp>(parameters, inputs, rule);
}

Value lars_gradient(Value parameter, Value gradient, const LarsOptions& options) {
  return parameter.graph().apply1(std::make_shared<LarsOp>(options),
                                  {parameter, gradient, sum_of_squares(std::span(&parameter, 1)),
                                   sum_of_squares(std::span(&gradient, 1))});
}

}  // namespace sf
