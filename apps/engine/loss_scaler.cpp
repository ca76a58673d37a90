#include "apps/engine/loss_scaler.h"

#include <cmath>

#include "apps/engine/logging.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr double kGrowth = 2, kBackoff = 0.5;
constexpr int64_t kGrowthInterval = 2000;  // steps

}  // namespace

void LossScaler::update(bool overflow) {
  if (overflow) {
    scale_ *= kBackoff;
    good_steps_ = 0;
    SF_LOG("The gradients overflow: this step is skipped, the loss scale falls to {}.", scale_);
  } else if (++good_steps_ == kGrowthInterval) {
    scale_ *= kGrowth;
    good_steps_ = 0;
  }
}

void LossScaler::restore(double scale, int64_t good_steps) {
  SF_CHECK(scale > 0 && std::isfinite(scale) && good_steps >= 0 && good_steps < kGrowthInterval,
           "loss scale: wanted one above 0 with up to ", kGrowthInterval - 1, " good steps, found ",
           scale, " with ", good_steps);
  scale_ = scale;
  good_steps_ = good_steps;
}

}  // namespace sf
