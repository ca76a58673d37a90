// Where a training starts: at a checkpoint, or at the initial values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/engine/training_ranks.h"
#include "apps/engine/training_state.h"
#include "configs/config.h"
#include "models/model.h"

namespace sf {

// A checkpoint to start from.
struct StartFile {
  std::string path;
  Checkpoint checkpoint;
  TrainingState state;
  bool resume = false;  // it is of this run: from OUTPUT_DIR
};

// With TRAIN.AUTO_RESUME the newest checkpoint in OUTPUT_DIR that is whole, one of PySlowFast
// included; the log names those that are damaged. Else TRAIN.CHECKPOINT_FILE_PATH. Empty if neither
// is there.
std::optional<StartFile> find_start_file(const Config& config);

struct TrainingStart {
  TrainingState state;   // without its tensors, which are in the network and the optimizer
  std::string path;      // of the checkpoint; empty at the initial values
  bool resumed = false;  // from OUTPUT_DIR
};

// Takes the file, if there is one, into the network and the optimizer. Throws if it is of this run
// but of another network.
//
// A file of another run is taken by load_rules(). Its epochs and the optimizer's tensors count
// unless TRAIN.CHECKPOINT_EPOCH_RESET is set or weights of the network are missing there, have
// another shape or are spread over time.
//
// The log tells what was taken and the epoch that comes first. optimizer: the tensors to fill, by
// name; groups: as import_optimizer() wants them.
TrainingStart start_training(const Config& config, std::optional<StartFile> file,
                             const Model& model, const NamedTensors& optimizer,
                             const std::vector<std::vector<Parameter>>& groups);

// Behind start_training() on the first rank: all ranks begin with its state and its tensors, even
// where they see other files. All call it together.
void share_start(const TrainingRanks& ranks, TrainingState& state, const Model& model,
                 const NamedTensors& optimizer);

}  // namespace sf
