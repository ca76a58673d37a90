// All that a training needs to go on as if it had never stopped.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "models/model.h"
#include "tensor/checkpoint.h"

namespace sf {

struct TrainingState {
  NamedTensors model;      // parameters and buffers
  NamedTensors optimizer;  // "PARAMETER/momentum_buffer", "/exp_avg", "/exp_avg_sq"

  int64_t epochs = 0;                // finished ones
  int64_t iterations = 0;            // finished ones of the epoch behind those
  int64_t next_batch = 0;            // of that epoch, in the order of the loader
  int64_t optimizer_steps = 0;       // since the start of the training
  std::optional<uint64_t> seed;      // RNG_SEED: random choices follow from it and the counts above
  std::optional<double> loss_scale;  // of mixed precision in f16
  int64_t loss_scale_steps = 0;      // since that scale last changed
  std::optional<double> best_error;  // lowest top-1 error of the validations so far, in percent

  std::string config;                        // as YAML
  std::map<std::string, std::string> notes;  // what else is to survive, such as the sums of a meter
};

// The parameters and buffers themselves, not copies.
NamedTensors tensors_of(const Model& model);
// The buffers alone: running statistics of batch norm.
NamedTensors buffers_of(const Model& model);

// A copy whose tensors share no memory with the state's.
TrainingState snapshot(const TrainingState& state);

// As a checkpoint, sharing memory. Its epoch is the last finished one, so that other readers go on
// behind it too.
Checkpoint to_checkpoint(const TrainingState& state);

// Of any checkpoint, sharing memory. One that this engine did not write while training has the
// epochs that the file states, none where it states none, and the optimizer's tensors under the
// names of the file. Throws if the counts make no sense.
TrainingState from_checkpoint(const Checkpoint& checkpoint);

}  // namespace sf
