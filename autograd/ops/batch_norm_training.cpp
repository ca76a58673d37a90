#include "autograd/ops/batch_norm_training.h"

#include "autograd/ops/lower.h"
#include "kernels/batch_norm/training.h"

namespace sf {
namespace {

// What all steps share. Sums are f64 2 x splits C, moments f64 splits C.
class BatchNormStep : public Op {
 public:
  BatchNormStep(double epsilon, const BatchNormTraining& training, const TensorType& x)
      : x_(x), training_(training), epsilon_(epsilon) {}
  bool takes_pitch(const OpSite&) const override { return true; }

 protected:
  BatchNormTrainingProblem problem() const {
    const int64_t n = x_.shape[0], c = x_.shape.channels();
    return {.dtype = x_.dtype,
            .samples = n,
            .sample_pixels = x_.shape.pixels() / n,
            .c = int(c),
            .splits = training_.splits,
            .epsilon = epsilon_,
            .momentum = training_.momentum,
            .x_pitch = c,
            .y_pitch = c,
            .residual_pitch = c,
            .dy_pitch = c,
            .dx_pitch = c};
  }
  TensorType sums() const { return {{2, moments().shape[0]}, DType::f64}; }
  TensorType moments() const { return {{training_.splits * x_.shape.channels()}, DType::f64}; }
  template <class Step>
  std::shared_ptr<Step> next() const {
    return std::make_shared<Step>(epsilon_, training_, x_);
  }

  TensorType x_;
  BatchNormTraining training_;
  double epsilon_;
};

double* f64(const TensorRef& t) { return reinterpret_cast<double*>(t.data); }

class SumsOp : public BatchNormStep {  // input: x
 public:
  using BatchNormStep::BatchNormStep;
  std::string_view name() const override { return "batch_norm_sums"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {sums()}; }

  Lowered lower(const OpSite& site) const override {
    auto p = problem();
    p.x_pitch = site.in[0].pitch;
    const auto args = [](const Binding& b) {
      return BatchNormSumsArgs{.x = b.in[0].data, .sums = f64(b.out[0])};
    };
    return lower_kernel(best_kernel(batch_norm_sums_kernels(site.backend), p, name()), p, site,
                        args);
  }
};

class MomentsOp : public BatchNormStep {  // inputs: sums, running mean, running variance
 public:
  using BatchNormStep::BatchNormStep;
  std::string_view name() const override { return "batch_norm_moments"; }
  std::vector<int> written_inputs() const override { return {1, 2}; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    for (const TensorType& running : in.subspan(1))
      SF_CHECK(running == (TensorType{moments().shape, x_.dtype}), name(), ": wants ",
               moments().shape, " running statistics of ", x_.dtype, ", found ", running);
    return {moments(), moments()};
  }

  Lowered lower(const OpSite& site) const override {
    const auto p = problem();
    const auto args = [](const Binding& b) {
      return BatchNormMomentsArgs{.sums = f64(b.in[0]),
                                  .running_mean = b.in[1].data,
                                  .running_variance = b.in[2].data,
                                  .mean = f64(b.out[0]),
                                  .inverse_std = f64(b.out[1])};
    };
    return lower_kernel(best_kernel(batch_norm_moments_kernels(site.backend), p, name()), p, site,
                        args);
  }
};

class BackwardSumsOp : public BatchNormStep {  // inputs: x, dy, mean
 public:
  using BatchNormStep::BatchNormStep;
  std::string_view name() const override { return "batch_norm_backward_sums"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {sums()}; }

  Lowered lower(const OpSite& site) const override {
    auto p = problem();
    p.x_pitch = site.in[0].pitch;
    p.dy_pitch = site.in[1].pitch;
    const auto args = [](const Binding& b) {
      return BatchNormBackwardSumsArgs{
          .x = b.in[0].data, .dy = b.in[1].data, .mean = f64(b.in[2]), .sums = f64(b.out[0])};
    };
    return lower_kernel(best_kernel(batch_norm_backward_sums_kernels(site.backend), p, name()), p,
                        site, args);
  }
};

class BackwardParametersOp : public BatchNormStep {  // inputs: sums, inverse std
 public:
  using BatchNormStep::BatchNormStep;
  std::string_view name() const override { return "batch_norm_backward_parameters"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    const TensorType parameter{{x_.shape.channels()}, x_.dtype};
    return {parameter, parameter};
  }

  Lowered lower(const OpSite& site) const override {
    const auto p = problem();
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
};

class BackwardApplyOp : public BatchNormStep {  // inputs: x, dy, mean, inverse std, gamma, sums
 public:
  using BatchNormStep::BatchNormStep;
  std::string_view name() const override { return "batch_norm_backward_apply"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {x_}; }

  Lowered lower(const OpSite& site) const override {
    auto p = problem();
    p.x_pitch = site.in[0].pitch;
    p.dy_pitch = site.in[1].pitch;
    p.dx_pitch = site.out[0].pitch;
    const auto args = [](const Binding& b) {
      return BatchNormBackwardApplyArgs{.x = b.in[0].data,
                                        .dy = b.in[1].data,
                                        .mean = f64(b.in[2]),
                                        .inverse_std = f64(b.in[3]),
                                        .gamma = b.in[4].data,
                                        .sums = f64(b.in[5]),
                                        .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(batch_norm_backward_apply_kernels(site.backend), p, name()), p,
                        site, args);
  }
};

class ApplyOp : public BatchNormStep {  // inputs: x, mean, inverse std, gamma, beta
 public:
  using BatchNormStep::BatchNormStep;
  std::string_view name() const override { return "batch_norm_apply"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    for (const TensorType& parameter : in.subspan(3))
      SF_CHECK(parameter == (TensorType{{x_.shape.channels()}, x_.dtype}), name(), ": wants ",
               x_.shape.channels(), " parameters of ", x_.dtype, ", found ", parameter);
    return {x_};
  }

  Lowered lower(const OpSite& site) const override {
    auto p = problem();
    p.x_pitch = site.in[0].pitch;
    p.y_pitch = site.out[0].pitch;
    const auto args = [](const Binding& b) {
      return BatchNormApplyArgs{.x = b.in[0].data,
                                .mean = f64(b.in[1]),
                                .inverse_std = f64(b.in[2]),
                                .gamma = b.in[3].data,
                                .beta = b.in[4].data,
                                .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(batch_norm_apply_kernels(site.backend), p, name()), p, site,
                        args);
  }

  // All of the batch norm's gradients: nothing is left for the moments to pass on.
  std::vector<Value> grad(const GradSite& site) const override {
    const Value &x = site.in[0], &mean = site.in[1], &inverse_std = site.in[2], &gamma = site.in[3],
                &dy = site.out_grad[0];
    Graph& graph = x.graph();
    const Value sums = graph.apply1(next<BackwardSumsOp>(), {x, dy, mean});
    std::vector<Value> grads(5);
    if (site.needed[0])
      grads[0] = graph.apply1(next<BackwardApplyOp>(), {x, dy, mean, inverse_std, gamma, sums});
    if (site.needed[3] || site.needed[4]) {
      const std::vector<Value> in{sums, inverse_std};
      const auto parameters = graph.apply(next<BackwardParametersOp>(), in);
      grads[3] = parameters[0];
      grads[4] = parameters[1];
    }
    return grads;
  }
};

}  // namespace

Value batch_norm_training(Value x, const BatchNormStatistics& s,
                          const BatchNormTraining& training) {
  const int64_t samples = x.shape()[0], pixels = x.shape().pixels();
  SF_CHECK(training.splits > 0 && samples % training.splits == 0,
           "batch_norm: wanted a batch that divides into ", training.splits, " splits, found ",
           samples);
  SF_CHECK(pixels / training.splits > 1,
           "batch_norm: wanted several values a channel to normalise, found ", x.shape());
  Graph& graph = x.graph();
  const TensorType type = x.type();
  const Value sums = graph.apply1(std::make_shared<SumsOp>(s.epsilon, training, type), {x});
  const std::vector<Value> in{sums, s.mean, s.variance};
  const auto moments = graph.apply(std::make_shared<MomentsOp>(s.epsilon, training, type), in);
  return graph.apply1(std::make_shared<ApplyOp>(s.epsilon, training, type),
                      {x, moments[0], moments[1], s.gamma, s.beta});
}

}  // namespace sf
