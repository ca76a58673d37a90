// Pictures of the course of a training.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/engine/training_history.h"

namespace sf {

// An SVG: the loss of training, and the top-1 errors of training and validation, over epochs.
// Replaces the file as a whole. Throws if it cannot be written.
void write_training_curves(const std::filesystem::path& path, const TrainingHistory& history,
                           const std::string& title);

// The loss of training over epochs as lines of ASCII for a terminal. Empty with fewer than two
// points.
std::vector<std::string> loss_plot(const TrainingHistory& history);

}  // namespace sf
