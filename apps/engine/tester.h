// Multi-view testing: every clip of every video through the network, scores joined video by video;
// or, with DETECTION.ENABLE, the boxes at key frames.
#pragma once

#include "configs/config.h"

namespace sf {

// One test for each entry of TEST.NUM_TEMPORAL_CLIPS, or for TEST.NUM_ENSEMBLE_VIEWS. Writes
// predictions and results into OUTPUT_DIR and the log. Videos that cannot be read are named at the
// end and do not count.
void test(const Config& config);

}  // namespace sf
