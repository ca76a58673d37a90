// The errors of a network on the validation split.
#pragma once

#include "apps/engine/training_meters.h"
#include "data/dataset.h"
#include "models/model.h"

namespace sf {

// One random clip of every video, as PySlowFast validates. Logs val_iter and val_epoch lines.
TopErrors validate(const Config& config, const Model& model, const Dataset& val_set, int64_t epoch,
                   TrainingHistory& history);

}  // namespace sf
