// Multi-view testing: every clip of every video through the network, scores joined video by video;
// or, with DETECTION.ENABLE, the boxes at key frames.
#pragma once

#include <memory>

#include "configs/config.h"
#include "dist/process_group.h"

namespace sf {

// One test for each entry of TEST.NUM_TEMPORAL_CLIPS, or for TEST.NUM_ENSEMBLE_VIEWS. Writes
// predictions and results into OUTPUT_DIR and the log. Videos that cannot be read are named at the
// end and do not count.
//
// world: the ranks that share the videos out, each of which calls this with the same configuration;
// null: one alone. Rank 0 alone logs and writes; its results are those of one rank.
void test(const Config& config, const std::shared_ptr<ProcessGroup>& world = nullptr);

}  // namespace sf
