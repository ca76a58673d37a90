// Where a training starts: at a checkpoint, or at the initial values.
#pragma once

#include <string>
#include <vector>

#include "apps/engine/training_state.h"
#include "configs/config.h"
#include "models/model.h"

namespace sf {

struct TrainingStart {
  TrainingState state;   // without its tensors, which are in the network and the optimizer
  std::string path;      // of the checkpoint; empty at the initial values
  bool resumed = false;  // from OUTPUT_DIR
};

// With TRAIN.AUTO_RESUME the newest checkpoint in OUTPUT_DIR that is whole, one of PySlowFast
// included; the log names those that are damaged. Throws if it is of another network.
//
// Else TRAIN.CHECKPOINT_FILE_PATH by load_rules(). Its epochs and the optimizer's tensors count
// unless TRAIN.CHECKPOINT_EPOCH_RESET is set or weights of the network are missing there, have
// another shape or are spread over time.
//
// Else the values that the network and the optimizer have. The log tells what was taken and the
// epoch that comes first. optimizer: the tensors to fill, by name; groups: as import_optimizer()
// wants them.
TrainingStart start_training(const Config& config, const Model& model,
                             const NamedTensors& optimizer,
                             const std::vector<std::vector<Parameter>>& groups);

}  // namespace sf
