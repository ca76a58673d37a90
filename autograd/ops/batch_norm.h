// Batch norm with given statistics, and its folding into convolution weights.
#pragma once

#include "autograd/graph.h"

namespace sf {

// Per channel; y = (x - mean) / sqrt(variance + epsilon) gamma + beta.
struct BatchNormStatistics {
  Value gamma, beta, mean, variance;
  double epsilon = 1e-5;
};

// x: [.. C].
Value batch_norm(Value x, const BatchNormStatistics& statistics);

// The weights (O T H W I) and the bias of a convolution that includes the batch norm behind it.
// bias: of the convolution alone, or empty.
Value fold_scale(Value weight, const BatchNormStatistics& statistics);
Value fold_bias(const BatchNormStatistics& statistics, Value bias);

// Inputs: x, gamma, beta, mean, variance.
class BatchNormOp : public Op {
 public:
  double epsilon = 1e-5;

  std::string_view name() const override { return "batch_norm"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Lowered lower(const OpSite& site) const override;
  bool takes_pitch(const OpSite&) const override { return true; }
  Precision precision() const override { return Precision::given; }
  bool may_be_half(size_t input) const override { return input == 0; }
  std::optional<int> reuses_input() const override { return 0; }
};

}  // namespace sf
