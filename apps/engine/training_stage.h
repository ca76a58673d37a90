// What of a training depends on the shape of its clips.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apps/engine/train_step.h"
#include "apps/engine/training_state.h"
#include "data/train_loader.h"

namespace sf {

// One for a whole run, or one for each stage of a long cycle.
class TrainingStage {
 public:
  // The data set must outlive the object.
  TrainingStage(const Config& config, const Dataset& train_set);

  // Parameters, running statistics and the optimiser's state of the stage before.
  void take_over(const TrainingStage& before);

  const Config& config() const { return config_; }
  const Model& model() const { return *model_; }
  Optimizer& optimizer() { return optimizer_; }
  TrainLoader& loader() { return loader_; }

  // The step for batches of that many clips of that crop; planned at first use, which the log tells
  // with its memory.
  TrainStep& step(int64_t batch, int64_t crop);

  // Lets go of the memory of all steps; the next use plans them anew.
  void release_steps() { steps_.clear(); }

  // Measures the running statistics of batch norm anew, on batches of the epoch (BN.*).
  void measure_batch_norm(int64_t epoch, const Dataset& train_set);

  // The tensors themselves, not copies; counts are the caller's matter.
  TrainingState state() const;

 private:
  Config config_;
  std::unique_ptr<Model> model_;
  Optimizer optimizer_;
  TrainLoader loader_;
  std::map<std::pair<int64_t, int64_t>, std::unique_ptr<TrainStep>> steps_;
  std::set<std::pair<int64_t, int64_t>> told_;  // of which the log tells already
};

}  // namespace sf
