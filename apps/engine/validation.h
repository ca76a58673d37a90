// The errors of a network on the validation split.
#pragma once

#include <memory>

#include "apps/engine/inference.h"
#include "apps/engine/training_meters.h"
#include "apps/engine/training_ranks.h"
#include "data/train_loader.h"

namespace sf {

// How networks run in validation, each rank's on its part of the batches: in the parameters' type.
InferenceOptions validation_options(const Config& config, std::shared_ptr<ArenaMemory> memory,
                                    const TrainingRanks& ranks = {});

// One random clip of every video, as PySlowFast validates. What can stay from one evaluation to the
// next does: the plan, and what the loader knows of the files.
class Validation {
 public:
  // The model and the data set must outlive the object. memory: shared with plans that run in turn.
  // ranks: that share the batches out; all call run() together, and all find the errors of one.
  Validation(const Config& config, const Model& model, const Dataset& val_set,
             std::shared_ptr<ArenaMemory> memory, const TrainingRanks& ranks = {});

  // With the weights that the model has now. Logs val_iter and val_epoch lines.
  TopErrors run(int64_t epoch, TrainingHistory& history);

 private:
  TopMisses run_batch(const TrainBatch& batch);

  Config config_;
  TrainingRanks ranks_;
  DType dtype_;
  TrainLoader loader_;
  Inference network_;
};

}  // namespace sf
