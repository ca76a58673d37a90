// The errors of a network on the validation split.
#pragma once

#include <memory>

#include "apps/engine/inference.h"
#include "apps/engine/training_meters.h"
#include "data/train_loader.h"

namespace sf {

// How networks run in validation: in the parameters' type.
InferenceOptions validation_options(const Config& config, std::shared_ptr<ArenaMemory> memory);

// One random clip of every video, as PySlowFast validates. What can stay from one evaluation to the
// next does: the plan, and what the loader knows of the files.
class Validation {
 public:
  // The model and the data set must outlive the object. memory: shared with plans that run in turn.
  Validation(const Config& config, const Model& model, const Dataset& val_set,
             std::shared_ptr<ArenaMemory> memory);

  // With the weights that the model has now. Logs val_iter and val_epoch lines.
  TopErrors run(int64_t epoch, TrainingHistory& history);

 private:
  Config config_;
  TrainLoader loader_;
  Inference network_;
};

}  // namespace sf
