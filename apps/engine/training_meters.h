// What a training reports of its progress: json_stats lines as PySlowFast writes them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "apps/engine/logging.h"
#include "apps/engine/top_errors.h"
#include "apps/engine/training_history.h"
#include "configs/config.h"

namespace sf {

// In GiB.
struct MemoryUse {
  double gpu = 0;  // most that was in use at once; 0 on the CPU
  double ram = 0, ram_total = 0;
};
MemoryUse memory_use();

// The last `size` values.
class RecentValues {
 public:
  explicit RecentValues(int64_t size);
  void add(double value);
  void clear() { values_.clear(); }
  // As NumPy's: of an even number the mean of the two in the middle. NaN of none, or if one is.
  double median() const;
  const std::deque<double>& values() const { return values_; }

 private:
  size_t size_;
  std::deque<double> values_;
};

// Of one epoch after the other. Epochs and iterations are counted from 0.
class TrainMeter {
 public:
  // epoch_iterations: in each epoch. Records what the lines say in the history, which must outlive
  // the object. Throws if LOG_PERIOD is below 1.
  TrainMeter(const Config& config, int64_t epoch_iterations, TrainingHistory& history);

  struct Iteration {
    int64_t clips = 0;
    double loss = 0;  // mean of the clips
    TopErrors errors = {};
    double learning_rate = 0, gradient_norm = 0;
    double seconds = 0, data_seconds = 0, network_seconds = 0;  // all, waiting for clips, the rest
  };
  // Throws if the loss exceeds KILL_LOSS_EXPLOSION_FACTOR times the mean of the five before it,
  // once there are more than six in the window of LOG_PERIOD.
  void add(const Iteration& iteration);

  // Behind add(): the train_iter_ line, train_iter of a network that detects, of every
  // LOG_PERIOD-th iteration, to the log.
  void log_iteration(int64_t epoch, int64_t iteration, const MemoryUse& memory);
  // Behind the last iteration: the train_epoch line, to the log and OUTPUT_DIR/json_stats.log, with
  // means over the clips of the epoch; its times are means of an iteration. The next epoch starts
  // from nothing.
  void log_epoch(int64_t epoch, const MemoryUse& memory);

  // What an epoch that is under way has gathered, as text, and back again; throws if the text is
  // something else.
  std::string state() const;
  void restore(const std::string& state);

 private:
  std::string eta(double seconds, int64_t iterations_done) const;

  std::string output_dir_;
  int64_t log_period_, max_epoch_, epoch_iterations_;
  bool detection_;
  double explosion_factor_;
  TrainingHistory& history_;
  RecentValues losses_, top1_, top5_;
  Iteration last_;
  // Sums over the epoch: of iterations, of clips, of values times clips, of seconds.
  int64_t iterations_ = 0, clips_ = 0;
  double loss_sum_ = 0, top1_sum_ = 0, top5_sum_ = 0;
  double seconds_ = 0, data_seconds_ = 0, network_seconds_ = 0;
};

// The val_epoch line of a network that detects, to the log and OUTPUT_DIR/json_stats.log, and what
// it says to the history. map: mean average precision, of 1.
void log_detection_epoch(const Config& config, int64_t epoch, double map, const MemoryUse& memory,
                         TrainingHistory& history);

// Of one evaluation after the other.
class ValMeter {
 public:
  ValMeter(const Config& config, int64_t iterations, TrainingHistory& history);

  // seconds: of the iteration, in all.
  void add(TopErrors errors, int64_t clips, double seconds);
  // The val_iter line of every LOG_PERIOD-th iteration, to the log.
  void log_iteration(int64_t epoch, int64_t iteration, const MemoryUse& memory);
  // The val_epoch line, to the log and OUTPUT_DIR/json_stats.log. Returns the errors over all
  // clips.
  TopErrors log_epoch(int64_t epoch, const MemoryUse& memory);

 private:
  std::string output_dir_;
  int64_t log_period_, max_epoch_, iterations_;
  TrainingHistory& history_;
  RecentValues top1_, top5_;
  int64_t clips_ = 0;
  double top1_sum_ = 0, top5_sum_ = 0, last_seconds_ = 0, seconds_ = 0;
};

}  // namespace sf
