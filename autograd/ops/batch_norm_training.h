// Batch norm with the statistics of the batch.
#pragma once

#include <memory>

#include "autograd/ops/batch_norm.h"
#include "kernels/base/activation.h"

namespace sf {

class ProcessGroup;

struct BatchNormTraining {
  double momentum = 0.1;  // weight of the batch in the running statistics
  bool bessel = true;   // the running variance takes n / (n - 1) of the batch's; false: the batch's
  int splits = 1;       // sample i is normalised with those whose number is i modulo splits
  bool frozen = false;  // normalises with the running statistics of C values, which stay
  // Ranks whose batches, of any sizes, are normalised as one; null: this one alone. Frozen
  // statistics need none.
  std::shared_ptr<ProcessGroup> group{};
};

// x: N [..] C. Normalises with the mean and the variance of the batch, and moves `mean` and
// `variance`, which are states of splits * C values, towards them: the variance with Bessel's
// correction, n / (n - 1), unless told otherwise. Throws where a mean would be that of a single
// value. The gradient by x includes the way through the batch's statistics: with a group, those of
// the sum of all ranks' losses. The gradients by gamma and beta are this rank's share of it.
Value batch_norm_training(Value x, const BatchNormStatistics& statistics,
                          const BatchNormTraining& training = {});

// The step that makes the batch's sums of x and x squared, f64, for each split and channel, and
// their count.
class BatchNormSumsOp : public Op {
 public:
  BatchNormSumsOp(double epsilon, const BatchNormTraining& training, const Shape& x)
      : x_(x), training_(training), epsilon_(epsilon) {}
  int splits() const { return training_.splits; }

  std::string_view name() const override { return "batch_norm_sums"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Lowered lower(const OpSite& site) const override;
  bool takes_pitch(const OpSite&) const override { return true; }
  Precision precision() const override { return Precision::given; }

 private:
  Shape x_;
  BatchNormTraining training_;
  double epsilon_;
};

// The step that makes the result. Inputs: x, mean and 1 / standard deviation (f64), gamma, beta,
// then the residual if there is one; y = activation(normalised x + residual).
class BatchNormApplyOp : public Op {
 public:
  BatchNormApplyOp(double epsilon, const BatchNormTraining& training, const Shape& x)
      : x_(x), training_(training), epsilon_(epsilon) {}
  bool residual = false;
  Activation activation = Activation::none;

  std::string_view name() const override { return "batch_norm_apply"; }
  bool cheap() const override { return true; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Lowered lower(const OpSite& site) const override;
  std::vector<Value> grad(const GradSite& site) const override;
  bool takes_pitch(const OpSite&) const override { return true; }
  Precision precision() const override { return Precision::given; }
  bool may_be_half(size_t input) const override { return input == 0 || input == 5; }
  std::optional<int> reuses_input() const override {
    return residual ? std::optional(5) : std::nullopt;
  }

 private:
  Shape x_;
  BatchNormTraining training_;
  double epsilon_;
};

}  // namespace sf
