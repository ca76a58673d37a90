#include "apps/engine/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernels/base/error.h"

namespace sf {

LearningRate::LearningRate(const Config& config)
    : base_(config.get<double>("SOLVER.BASE_LR")),
      max_epoch_(config.get<double>("SOLVER.MAX_EPOCH")),
      warmup_epochs_(config.get<double>("SOLVER.WARMUP_EPOCHS")),
      warmup_start_(config.get<double>("SOLVER.WARMUP_START_LR")) {
  SF_CHECK(std::isfinite(base_), "SOLVER.BASE_LR: wanted a finite number, found ", base_);
  SF_CHECK(warmup_epochs_ >= 0 && std::isfinite(warmup_epochs_),
           "SOLVER.WARMUP_EPOCHS: wanted 0 or more epochs, found ", warmup_epochs_);
  const auto policy = config.get<std::string>("SOLVER.LR_POLICY");
  if (policy == "cosine") {
    cosine_end_ = config.get<double>("SOLVER.COSINE_END_LR");
    SF_CHECK(cosine_end_ < base_, "SOLVER.COSINE_END_LR: wanted less than BASE_LR ", base_,
             ", found ", cosine_end_);
    if (config.get<bool>("SOLVER.COSINE_AFTER_WARMUP")) cosine_begin_epoch_ = warmup_epochs_;
    return;
  }
  SF_CHECK(policy == "steps_with_relative_lrs",
           "SOLVER.LR_POLICY: wanted cosine or steps_with_relative_lrs, found '", policy, "'");
  steps_ = config.get<std::vector<double>>("SOLVER.STEPS");
  relative_ = config.get<std::vector<double>>("SOLVER.LRS");
  SF_CHECK(!steps_.empty() && steps_[0] == 0 && std::ranges::is_sorted(steps_),
           "SOLVER.STEPS: wanted ascending epochs from 0 on, found ", fmt::format("{}", steps_));
  SF_CHECK(relative_.size() >= steps_.size(), "SOLVER.LRS: wanted a rate for each of the ",
           steps_.size(), " SOLVER.STEPS, found ", relative_.size());
}

double LearningRate::policy(double epoch) const {
  if (!steps_.empty()) {
    const auto next = std::ranges::upper_bound(steps_, epoch);
    return relative_[size_t(std::max<int64_t>(next - steps_.begin() - 1, 0))] * base_;
  }
  const double epochs = max_epoch_ - cosine_begin_epoch_;
  const double done = epochs == 0 ? 0 : (epoch - cosine_begin_epoch_) / epochs;
  return cosine_end_ + (base_ - cosine_end_) * (std::cos(std::numbers::pi * done) + 1) * 0.5;
}

double LearningRate::at(double epoch) const {
  if (epoch >= warmup_epochs_) return policy(epoch);
  return epoch * (policy(warmup_epochs_) - warmup_start_) / warmup_epochs_ + warmup_start_;
}

}  // namespace sf
