// What of a training depends on the shape of its clips.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/engine/detection.h"
#include "apps/engine/train_step.h"
#include "apps/engine/training_state.h"
#include "apps/engine/validation.h"
#include "data/train_loader.h"

namespace sf {

// One for a whole run, or one for each stage of a long cycle.
class TrainingStage {
 public:
  // The data sets must outlive the object. memory: that of all plans, which run in turn. ranks:
  // that train together; all of them make their stages, and make all calls, together.
  TrainingStage(const Config& config, const Dataset& train_set, const Dataset& val_set,
                std::shared_ptr<ArenaMemory> memory, const TrainingRanks& ranks);

  // Parameters, running statistics, the optimiser's state and the loss scale of the stage before.
  void take_over(const TrainingStage& before);

  const Config& config() const { return config_; }
  const Model& model() const { return *model_; }
  Optimizer& optimizer() { return optimizer_; }
  LossScaler& scaler() { return scaler_; }
  TrainLoader& loader() { return loader_; }

  // The step for batches of that many clips of that crop and, of a network that detects, so many
  // boxes; planned at first use, which the log tells with its memory.
  TrainStep& step(int64_t batch, int64_t crop, int64_t boxes = 0);

  // The network's top-1 error on the validation split, as the history has it; of a network that
  // detects only the first rank knows it.
  double validate(int64_t epoch, TrainingHistory& history);

  // Measures the running statistics of batch norm anew, on batches of the epoch (BN.*).
  void measure_batch_norm(int64_t epoch);

  // The tensors themselves, not copies; counts are the caller's matter.
  TrainingState state() const;

 private:
  Config config_;
  TrainingRanks ranks_;
  const Dataset &train_set_, &val_set_;
  std::unique_ptr<Model> model_;
  Optimizer optimizer_;
  LossScaler scaler_;  // used where the half type is f16
  TrainLoader loader_;
  std::shared_ptr<ArenaMemory> memory_;
  std::map<std::array<int64_t, 3>, std::unique_ptr<TrainStep>> steps_;
  std::optional<Validation> validation_;  // planned at first use, one of the two
  std::optional<DetectionEvaluation> detection_;
};

}  // namespace sf
