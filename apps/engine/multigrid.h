// Multigrid training (arXiv:1912.00998): stages of few frames, small crops and large batches before
// the full clips (the long cycle).
#pragma once

#include <vector>

#include "configs/config.h"

namespace sf {

struct MultigridStage {
  int step = 0;              // of the learning rate
  int64_t batch_factor = 1;  // clips in a batch, relative to the full clips' batch
  int64_t frames = 0, crop = 0;
  int64_t end_epoch = 0;  // the first epoch behind the stage
};

// The stages of the long cycle by the formulas of the paper's code. Empty without
// MULTIGRID.LONG_CYCLE. Throws if SOLVER.STEPS has no steps.
std::vector<MultigridStage> multigrid_stages(const Config& config);

// The configuration of a run: with a long cycle SOLVER.STEPS, LRS and MAX_EPOCH follow the stages;
// with a short cycle alone the epochs are stretched by MULTIGRID.EPOCH_FACTOR; else it is
// unchanged. Sets MULTIGRID.DEFAULT_B, DEFAULT_T and DEFAULT_S.
Config with_multigrid_schedule(const Config& config, const std::vector<MultigridStage>& stages);

// The configuration of one stage of such a run: frames, crop, batch, the largest sampling rate, and
// splits or synchronised ranks of batch norm so that BN_BASE_SIZE clips share statistics. ranks:
// that share the batch of a machine out; 0: the devices of NUM_GPUS.
Config stage_config(const Config& run, const MultigridStage& stage, int64_t ranks = 0);

}  // namespace sf
