// What the clips of a batch shall be taken for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "apps/engine/top_errors.h"
#include "configs/config.h"
#include "data/mixup.h"
#include "data/train_loader.h"

namespace sf {

class TrainingTargets {
 public:
  // With mixup the clips are mixed in place: on all ranks alike, each clip with one of the same
  // rank.
  TrainingTargets(const Config& config, const std::optional<MixupOptions>& mixup, int64_t epoch,
                  int64_t iteration, const TrainBatch& batch);

  // Labels, or shares of the classes.
  const Tensor& values() const { return values_; }
  // Of logits N x classes. labels: of the clips before they were mixed.
  TopMisses misses(const Tensor& logits, std::span<const int64_t> labels) const;

 private:
  Tensor values_;
};

}  // namespace sf
