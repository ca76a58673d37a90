// What the ranks tell each other of a batch that each has done its part of.
#pragma once

#include "apps/engine/training_meters.h"
#include "apps/engine/training_ranks.h"
#include "data/train_loader.h"

namespace sf {

// The misses of this rank's clips become those of all. The log has what the loaders of all ranks
// have to say of videos that cannot be read.
void report_batch(const TrainingRanks& ranks, TrainLoader& loader, TopMisses& missed);

}  // namespace sf
