#include "autograd/ops/gradient_norm.h"

#include "autograd/ops/concat.h"
#include "autograd/ops/lower.h"
#include "kernels/vector/vector.h"

namespace sf {
namespace {

VectorProblem vector_problem(const OpSite& site) {
  return {.dtype = site.in[0].type.dtype, .n = site.in[0].type.shape.numel()};
}

class SumOfSquaresOp : public Op {
 public:
  std::string_view name() const override { return "sum_of_squares"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    return {{{1}, DType::f64}};
  }
  Lowered lower(const OpSite& site) const override {
    const auto p = vector_problem(site);
    const auto args = [](const Binding& b) {
      return SumOfSquaresArgs{.x = b.in[0].data, .sum = reinterpret_cast<double*>(b.out[0].data)};
    };
    return lower_kernel(best_kernel(sum_of_squares_kernels(site.backend), p, name()), p, site,
                        args);
  }
};

class ClipNormOp : public Op {  // input: sums of squares
 public:
  explicit ClipNormOp(double max_norm) : max_norm_(max_norm) {}
  std::string_view name() const override { return "clip_norm"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    return {{{1}, DType::f64}, {{1}, DType::f64}};
  }
  Lowered lower(const OpSite& site) const override {
    const ClipNormProblem p{.arrays = site.in[0].type.shape.numel(), .max_norm = max_norm_};
    const auto args = [](const Binding& b) {
      return ClipNormArgs{.squares = reinterpret_cast<const double*>(b.in[0].data),
                          .norm = reinterpret_cast<double*>(b.out[0].data),
                          .factor = reinterpret_cast<double*>(b.out[1].data)};
    };
    return lower_kernel(best_kernel(clip_norm_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  double max_norm_;
};

class ClampOp : public Op {
 public:
  explicit ClampOp(double limit) : limit_(limit) {}
  std::string_view name() const override { return "clamp"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::optional<int> reuses_input() const override { return 0; }
  Lowered lower(const OpSite& site) const override {
    const auto v = vector_problem(site);
    const ClampProblem p{.dtype = v.dtype, .n = v.n, .limit = limit_};
    const auto args = [](const Binding& b) {
      return ClampArgs{.x = b.in[0].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(clamp_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  double limit_;
};

class ScaleOp : public Op {  // inputs: x, factor
 public:
  std::string_view name() const override { return "scale"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(in[1] == (TensorType{{1}, DType::f64}), "scale: wants a factor of f64, found ", in[1]);
    return {in[0]};
  }
  std::optional<int> reuses_input() const override { return 0; }
  Lowered lower(const OpSite& site) const override {
    const auto p = vector_problem(site);
    const auto args = [](const Binding& b) {
      return ScaleArgs{.x = b.in[0].data,
                       .factor = reinterpret_cast<const double*>(b.in[1].data),
                       .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(scale_kernels(site.backend), p, name()), p, site, args);
  }
};

class AccumulateOp : public Op {  // inputs: x, sum
 public:
  std::string_view name() const override { return "accumulate"; }
  std::vector<int> written_inputs() const override { return {1}; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(in[0] == in[1], "accumulate: wants a sum ", in[0], ", found ", in[1]);
    return {};
  }
  Lowered lower(const OpSite& site) const override {
    const auto p = vector_problem(site);
    const auto args = [](const Binding& b) {
      return AccumulateArgs{.x = b.in[0].data, .y = b.in[1].data};
    };
    return lower_kernel(best_kernel(accumulate_kernels(site.backend), p, name()), p, site, args);
  }
};

}  // namespace

Value sum_of_squares(Value x) { return x.graph().apply1(std::make_shared<SumOfSquaresOp>(), {x}); }

GradientNorm gradient_norm(std::span<const Value> gradients, double max_norm) {
  SF_CHECK(max_norm >= 0, "gradient_norm: wanted a limit of at least 0, found ", max_norm);
  std::vector<Value> squares;
  for (const Value& g : gradients) squares.push_back(sum_of_squares(g));
  const std::vector<Value> all{concat(squares)};
  const auto result = all[0].graph().apply(std::make_shared<ClipNormOp>(max_norm), all);
  return {result[0], result[1]};
}

Value clamp(Value x, double limit) {
  SF_CHECK(limit > 0, "clamp: wanted a limit above 0, found ", limit);
  return x.graph().apply1(std::make_shared<ClampOp>(limit), {x});
}

Value scale(Value x, Value factor) {
  return x.graph().apply1(std::make_shared<ScaleOp>(), {x, factor});
}

void accumulate_into(Value x, Value sum) {
  const std::vector<Value> in{x, sum};
  x.graph().apply(std::make_shared<AccumulateOp>(), in);
}

}  // namespace sf
