// The course of a training, for curves and for what outlives a restart.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace sf {

// Epochs and iterations are counted from 0. Errors are in percent. Of a network that detects the
// top-1 error is what the mean average precision lacks, known of validation alone.
struct TrainingHistory {
  struct Iteration {
    double epochs = 0;  // done behind it, with fractions: its place on the axis of a curve
    double loss = 0;    // median of a window
  };
  struct Epoch {
    double top1_error = 0, top5_error = 0;
    std::optional<double> loss = {};  // of training
    bool detection = false;
  };

  std::map<std::pair<int64_t, int64_t>, Iteration> iterations;  // by epoch and iteration
  std::map<int64_t, Epoch> training, validation;

  // Lowest errors of validation so far; 100 before the first.
  double min_top1_error() const;
  double min_top5_error() const;
};

// Validation of a network that detects; map: the mean average precision, of 1.
TrainingHistory::Epoch detection_epoch(double map);

// What the logs in the folder tell about a run up to the place where it goes on: `iterations`
// iterations of the epoch behind `epochs` finished ones. Epochs are read from json_stats.log,
// iterations from stdout.log; where a stretch was run twice, the later run counts. A line that
// cannot be read is passed over.
TrainingHistory read_history(const std::filesystem::path& output_dir, int64_t epochs,
                             int64_t iterations);

}  // namespace sf
