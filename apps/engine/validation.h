// The errors of a network on the validation split.
#pragma once

#include <memory>

#include "apps/engine/training_meters.h"
#include "autograd/plan/arena_memory.h"
#include "data/dataset.h"
#include "models/model.h"

namespace sf {

// One random clip of every video, as PySlowFast validates. Logs val_iter and val_epoch lines.
// memory: shared with plans that run in turn.
TopErrors validate(const Config& config, const Model& model, const Dataset& val_set, int64_t epoch,
                   TrainingHistory& history, std::shared_ptr<ArenaMemory> memory);

}  // namespace sf
