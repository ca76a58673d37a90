// Convolution, batch norm and linear layers with their parameters.
#pragma once

#include "autograd/ops/conv3d.h"
#include "layers/module.h"

namespace sf {

class Conv3d : public Module {
 public:
  struct Options {
    int in = 0, out = 0;
    std::array<int, 3> kernel{1, 1, 1};  // T H W, as all triples
    Conv3dParams params{};
    bool bias = false;
    Init init = Init::msra();
  };
  Conv3d(Module& parent, std::string_view name, const Options& options);
  Value operator()(Value x) const;

 private:
  Conv3dParams params_;
  Tensor weight_, bias_;
};

class BatchNorm : public Module {
 public:
  // gamma: ones, or zeros for the last norm of a residual branch.
  BatchNorm(Module& parent, std::string_view name, int channels, Init gamma = Init::ones());
  // Normalises with the running statistics; in training with those of the batch (of each split of
  // it), towards which it moves the running ones, unless they are frozen.
  Value operator()(Value x) const;

 private:
  static constexpr double kEpsilon = 1e-5;
  Tensor weight_, bias_, running_mean_, running_var_;
  Tensor split_mean_, split_var_;  // splits * C; empty without splits
};

// Sets the running statistics of every batch norm with splits to those of all splits together: the
// mean of the means, the mean of the variances plus the variance of the means. Before what has
// learned is used.
void aggregate_batch_norm_splits(const Module& root);

// Whether it is the name of a split's running mean or variance.
bool is_batch_norm_split(std::string_view name);

// The reverse, for weights that come without: each split starts with the running statistics.
void spread_batch_norm_splits(const Module& root);

class Linear : public Module {
 public:
  Linear(Module& parent, std::string_view name, int in, int out, Init weight);
  // Over the innermost axis.
  Value operator()(Value x) const;

 private:
  Tensor weight_, bias_;
};

}  // namespace sf
