// Training: epochs over a data set, with validation and checkpoints.
#pragma once

#include "configs/config.h"

namespace sf {

// Trains as the configuration says, from where OUTPUT_DIR left off (TRAIN.AUTO_RESUME) or from
// TRAIN.CHECKPOINT_FILE_PATH. Logs as PySlowFast does. Throws with one line when the loss is not
// finite or explodes, when the plan does not fit into memory, or when nothing can be read or
// written; checkpoints stay as they are then.
void train(const Config& config);

}  // namespace sf
