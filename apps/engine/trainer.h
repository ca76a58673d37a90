// Training: epochs over a data set, with validation and checkpoints.
#pragma once

#include <memory>

#include "configs/config.h"
#include "dist/process_group.h"

namespace sf {

// Trains as the configuration says, from where OUTPUT_DIR left off (TRAIN.AUTO_RESUME) or from
// TRAIN.CHECKPOINT_FILE_PATH. Logs as PySlowFast does. Throws with one line when the loss is not
// finite or explodes, when the plan does not fit into memory, or when nothing can be read or
// written; checkpoints stay as they are then.
//
// world: the ranks that train together, each of which calls this with the same configuration; null:
// one alone. They share out every batch, so that the same seed gives the same global batches and
// the same clips, whatever their number; rank 0 alone logs, and reads and writes checkpoints. Where
// one throws, so do the others.
void train(const Config& config, const std::shared_ptr<ProcessGroup>& world = nullptr);

}  // namespace sf
