// The learning rate over the epochs of a training.
#pragma once

#include <vector>

#include "configs/config.h"

namespace sf {

// SOLVER.LR_POLICY with the warm-up before it, as PySlowFast's get_lr_at_epoch.
class LearningRate {
 public:
  // Throws if the policy is unknown or its keys do not fit each other.
  explicit LearningRate(const Config& config);

  // epoch: finished epochs and the finished share of the next, from 0. In steps_with_relative_lrs
  // the last rate counts behind the last epoch too.
  double at(double epoch) const;

 private:
  double policy(double epoch) const;

  double base_ = 0, max_epoch_ = 0;
  double warmup_epochs_ = 0, warmup_start_ = 0;
  double cosine_end_ = 0, cosine_begin_epoch_ = 0;
  std::vector<double> steps_, relative_;  // epochs and rates of the steps; empty: cosine
};

}  // namespace sf
