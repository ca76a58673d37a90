#include "autograd/ops/batch_norm_training.h"

#include "autograd/ops/all_reduce.h"
#include "autograd/ops/lower.h"
#include "dist/process_group.h"
#include "kernels/batch_norm/training.h"

namespace sf {
namespace {

BatchNormTrainingProblem problem_of(const Shape& x, DType dtype, double epsilon,
                                    const BatchNormTraining& training) {
  const int64_t n = x[0], c = x.channels();
  return {.dtype = dtype,
          .samples = n,
          .sample_pixels = x.pixels() / n,
          .c = int(c),
          .splits = training.splits,
          .epsilon = epsilon,
          .momentum = training.momentum,
          .bessel = training.bessel,
          .x_pitch = c,
          .y_pitch = c,
          .residual_pitch = c,
          .dy_pitch = c,
          .dx_pitch = c};
}

// Of x, and of x squared, for each split and channel; then their count.
TensorType sums_type(const Shape& x, const BatchNormTraining& training) {
  return {{2 * training.splits * x.channels() + 1}, DType::f64};
}

// What the other steps share. Moments are f64 splits C.
class BatchNormStep : public Op {
 public:
  BatchNormStep(double epsilon, const BatchNormTraining& training, const Shape& x)
      : x_(x), training_(training), epsilon_(epsilon) {}
  bool takes_pitch(const OpSite&) const override { return true; }

 protected:
  // dtype: of x, or the arithmetic type of it where a step does not see x.
  BatchNormTrainingProblem problem(DType dtype) const {
    return problem_of(x_, dtype, epsilon_, training_);
  }
  int64_t sum_count() const { return 2 * training_.splits * x_.channels(); }
  TensorType sums() const { return sums_type(x_, training_); }
  TensorType moments() const { return {{training_.splits * x_.channels()}, DType::f64}; }

  Shape x_;
  BatchNormTraining training_;
  double epsilon_;
};

double* f64(const TensorRef& t) { return reinterpret_cast<double*>(t.data); }

class MomentsOp : public BatchNormStep {  // inputs: running mean and variance, then sums
 public:
  using BatchNormStep::BatchNormStep;
  std::string_view name() const override { return "batch_norm_moments"; }
  std::vector<int> written_inputs() const override {
    return training_.frozen ? std::vector<int>{} : std::vector{0, 1};
  }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    for (const TensorType& running : in.first(2))
      SF_CHECK(running.shape == moments().shape && running.dtype == in[0].dtype &&
                   arithmetic_of(running.dtype) == running.dtype,
               name(), ": wants ", moments().shape, " running statistics of f32 or f64, found ",
               running);
    return {moments(), moments()};
  }

  Lowered lower(const OpSite& site) const override {
    const auto p = problem(site.in[0].type.dtype);
    const auto args = [frozen = training_.frozen, n = sum_count()](const Binding& b) {
      double* sums = frozen ? nullptr : f64(b.in[2]);
      return BatchNormMomentsArgs{.sums = sums,
                                  .count = frozen ? nullptr : sums + n,
                                  .running_mean = b.in[0].data,
                                  .running_variance = b.in[1].data,
                                  .mean = f64(b.out[0]),
                                  .inverse_std = f64(b.out[1])};
    };
    return lower_kernel(best_kernel(batch_norm_moments_kernels(site.backend), p, name()), p, site,
                        args);
  }
};

// Inputs: x, dy, mean, then y with an activation. Outputs: the sums; with a residual its gradient
// before them.
class BackwardSumsOp : public BatchNormStep {
 public:
  BackwardSumsOp(double epsilon, const BatchNormTraining& training, const Shape& x,
                 Activation activation, bool residual)
      : BatchNormStep(epsilon, training, x), activation_(activation), residual_(residual) {}
  std::string_view name() const override { return "batch_norm_backward_sums"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    return residual_ ? std::vector{in[0], sums()} : std::vector{sums()};
  }
  std::optional<int> reuses_input() const override {
    return residual_ ? std::optional(1) : std::nullopt;
  }
  // The residual's gradient has the pitch of dy.
  bool takes_pitch(const OpSite& site) const override {
    return !residual_ || site.out[0].pitch == site.in[1].pitch;
  }

  Lowered lower(const OpSite& site) const override {
    auto p = problem(site.in[0].type.dtype);
    p.activation = activation_;
    p.residual = residual_;
    p.x_pitch = site.in[0].pitch;
    p.dy_pitch = site.in[1].pitch;
    if (activation_ != Activation::none) p.y_pitch = site.in[3].pitch;
    if (residual_) p.residual_pitch = site.out[0].pitch;
    const auto args = [activation = activation_, residual = residual_,
                       n = sum_count()](const Binding& b) {
      double* sums = f64(b.out[residual ? 1 : 0]);
      return BatchNormBackwardSumsArgs{.x = b.in[0].data,
                                       .y = activation == Activation::none ? nullptr : b.in[3].data,
                                       .dy = b.in[1].data,
                                       .mean = f64(b.in[2]),
                                       .sums = sums,
                                       .count = sums + n,
                                       .dresidual = residual ? b.out[0].data : nullptr};
    };
    return lower_kernel(best_kernel(batch_norm_backward_sums_kernels(site.backend), p, name()), p,
                        site, args);
  }

 private:
  Activation activation_;
  bool residual_;
};

class BackwardParametersOp : public BatchNormStep {  // inputs: sums, inverse std
 public:
  BackwardParametersOp(double epsilon, const BatchNormTraining& training, const Shape& x,
                       const TensorType& gamma)
      : BatchNormStep(epsilon, training, x), gamma_(gamma) {}
  std::string_view name() const override { return "batch_norm_backward_parameters"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    return {gamma_, gamma_};
  }

  Lowered lower(const OpSite& site) const override {
    auto p = problem(gamma_.dtype);
    if (training_.group) p.share = 1.0 / training_.group->size();
    const auto args = [](const Binding& b) {
      return BatchNormBackwardParametersArgs{.sums = f64(b.in[0]),
                                             .inverse_std = f64(b.in[1]),
                                             .dgamma = b.out[0].data,
                                             .dbeta = b.out[1].data};
    };
    return lower_kernel(
        best_kernel(batch_norm_backward_parameters_kernels(site.backend), p, name()), p, site,
        args);
  }

 private:
  TensorType gamma_;
};

// Inputs: x, dy, mean, 1 / standard deviation, gamma, then the sums unless the moments are frozen,
// then y with an activation.
class BackwardApplyOp : public BatchNormStep {
 public:
  BackwardApplyOp(double epsilon, const BatchNormTraining& training, const Shape& x,
                  Activation activation)
      : BatchNormStep(epsilon, training, x), activation_(activation) {}
  std::string_view name() const override { return "batch_norm_backward_apply"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::optional<int> reuses_input() const override { return 1; }

  Lowered lower(const OpSite& site) const override {
    auto p = problem(site.in[0].type.dtype);
    const bool frozen = training_.frozen;
    const size_t y = activation_ == Activation::none ? 0 : frozen ? 5 : 6;
    p.activation = activation_;
    p.x_pitch = site.in[0].pitch;
    p.dy_pitch = site.in[1].pitch;
    p.dx_pitch = site.out[0].pitch;
    if (y > 0) p.y_pitch = site.in[y].pitch;
    const auto args = [frozen, y, n = sum_count()](const Binding& b) {
      double* sums = frozen ? nullptr : f64(b.in[5]);
      return BatchNormBackwardApplyArgs{.x = b.in[0].data,
                                        .y = y > 0 ? b.in[y].data : nullptr,
                                        .dy = b.in[1].data,
                                        .mean = f64(b.in[2]),
                                        .inverse_std = f64(b.in[3]),
                                        .gamma = b.in[4].data,
                                        .sums = sums,
                                        .count = frozen ? nullptr : sums + n,
                                        .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(batch_norm_backward_apply_kernels(site.backend), p, name()), p,
                        site, args);
  }

 private:
  Activation activation_;
};

}  // namespace

std::vector<TensorType> BatchNormSumsOp::infer(std::span<const TensorType>) const {
  return {sums_type(x_, training_)};
}

Lowered BatchNormSumsOp::lower(const OpSite& site) const {
  auto p = problem_of(x_, site.in[0].type.dtype, epsilon_, training_);
  p.x_pitch = site.in[0].pitch;
  const auto args = [n = site.out[0].type.shape[0] - 1](const Binding& b) {
    double* sums = f64(b.out[0]);
    return BatchNormSumsArgs{.x = b.in[0].data, .sums = sums, .count = sums + n};
  };
  return lower_kernel(best_kernel(batch_norm_sums_kernels(site.backend), p, name()), p, site, args);
}

std::vector<TensorType> BatchNormApplyOp::infer(std::span<const TensorType> in) const {
  const TensorType& x = in[0];
  const TensorType wanted{{x_.channels()}, arithmetic_of(x.dtype)};
  for (const TensorType& parameter : in.subspan(3, 2))
    SF_CHECK(parameter == wanted, name(), ": wants ", wanted.shape.channels(), " parameters of ",
             wanted.dtype, ", found ", parameter);
  SF_CHECK(!residual || in[5] == x, name(), ": wants a residual ", x, ", found ", in[5]);
  return {x};
}

Lowered BatchNormApplyOp::lower(const OpSite& site) const {
  auto p = problem_of(x_, site.in[0].type.dtype, epsilon_, training_);
  p.residual = residual;
  p.activation = activation;
  p.x_pitch = site.in[0].pitch;
  p.y_pitch = site.out[0].pitch;
  if (residual) p.residual_pitch = site.in[5].pitch;
  const auto args = [residual = residual](const Binding& b) {
    return BatchNormApplyArgs{.x = b.in[0].data,
                              .mean = f64(b.in[1]),
                              .inverse_std = f64(b.in[2]),
                              .gamma = b.in[3].data,
                              .beta = b.in[4].data,
                              .residual = residual ? b.in[5].data : nullptr,
                              .y = b.out[0].data};
  };
  return lower_kernel(best_kernel(batch_norm_apply_kernels(site.backend), p, name()), p, site,
                      args);
}

// All of the batch norm's gradients: nothing is left for the moments to pass on.
std::vector<Value> BatchNormApplyOp::grad(const GradSite& site) const {
  const Value &x = site.in[0], &mean = site.in[1], &inverse_std = site.in[2], &gamma = site.in[3],
              &y = site.out[0];
  Value dy = site.out_grad[0];
  Graph& graph = x.graph();
  std::vector<Value> grads(site.in.size());

  Activation left = activation;  // what the steps below still undo
  std::vector<Value> in{x, dy, mean};
  if (activation != Activation::none) in.push_back(y);
  const bool stores = residual && activation != Activation::none;
  const auto sums_out = graph.apply(
      std::make_shared<BackwardSumsOp>(epsilon_, training_, x_, activation, stores), in);
  // Each rank of a group has the sums of all, and an equal share of what follows of them.
  const Value sums =
      training_.group ? all_reduce(sums_out.back(), training_.group) : sums_out.back();
  if (stores) {
    dy = sums_out[0];
    left = Activation::none;
  }
  if (residual) grads[5] = dy;
  if (site.needed[0]) {
    in = {x, dy, mean, inverse_std, gamma};
    if (!training_.frozen) in.push_back(sums);
    if (left != Activation::none) in.push_back(y);
    grads[0] = graph.apply(std::make_shared<BackwardApplyOp>(epsilon_, training_, x_, left), in)[0];
  }
  if (site.needed[3] || site.needed[4]) {
    in = {sums, inverse_std};
    const auto parameters = graph.apply(
        std::make_shared<BackwardParametersOp>(epsilon_, training_, x_, gamma.type()), in);
    grads[3] = parameters[0];
    grads[4] = parameters[1];
  }
  return grads;
}

Value batch_norm_training(Value x, const BatchNormStatistics& s,
                          const BatchNormTraining& training) {
  const int64_t samples = x.shape()[0], pixels = x.shape().pixels();
  SF_CHECK(!training.frozen || training.splits == 1,
           "batch_norm: frozen statistics have no splits, found ", training.splits);
  SF_CHECK(training.splits > 0 && samples % training.splits == 0,
           "batch_norm: wanted a batch that divides into ", training.splits, " splits, found ",
           samples);
  const int ranks = training.group ? training.group->size() : 1;
  SF_CHECK(training.frozen || ranks * (pixels / training.splits) > 1,
           "batch_norm: wanted several values a channel to normalise, found ", x.shape());
  Graph& graph = x.graph();
  const Shape& shape = x.shape();
  std::vector<Value> in{s.mean, s.variance};
  if (!training.frozen) {
    const Value sums =
        graph.apply1(std::make_shared<BatchNormSumsOp>(s.epsilon, training, shape), {x});
    in.push_back(training.group ? all_reduce(sums, training.group) : sums);
  }
  const auto moments = graph.apply(std::make_shared<MomentsOp>(s.epsilon, training, shape), in);
  return graph.apply1(std::make_shared<BatchNormApplyOp>(s.epsilon, training, shape),
                      {x, moments[0], moments[1], s.gamma, s.beta});
}

}  // namespace sf
