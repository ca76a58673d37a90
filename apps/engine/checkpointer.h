// Saves the state of a training while it goes on.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "apps/engine/training_state.h"
#include "configs/config.h"

namespace sf {

// Whether a checkpoint (an evaluation) is due behind the epoch, counted from 0: every
// TRAIN.CHECKPOINT_PERIOD (EVAL_PERIOD) epochs and behind the last; in a multigrid training
// MULTIGRID.EVAL_FREQ times in each stage and at its end. stage_ends: the first epoch behind each
// stage. Throws for periods below 1.
bool is_checkpoint_epoch(const Config& config, int64_t epoch,
                         std::span<const int64_t> stage_ends = {});
bool is_eval_epoch(const Config& config, int64_t epoch, std::span<const int64_t> stage_ends = {});

// Writes states to OUTPUT_DIR/checkpoints in a thread of its own, one at a time, each as
// save_checkpoint does: a file of that name is whole, whenever the process is killed. The thread
// that makes the object makes all calls. Names sort by time, and have TASK before them:
//   checkpoint_epoch_00003.sf               behind 3 epochs
//   checkpoint_epoch_00003_iter_000250.sf   behind 250 iterations more
//   best.sf                                 the one with the lowest error, by SF.KEEP_BEST
class Checkpointer {
 public:
  // Makes the folder, and removes what killed processes left unfinished in it and in OUTPUT_DIR.
  // resumed: the run goes on from this folder, so that a best.sf in it counts. Throws if nothing
  // can be written there or a key is wrong.
  Checkpointer(const Config& config, bool resumed);
  // Waits for the write in progress.
  ~Checkpointer();

  // Whether SF.CHECKPOINT_ITERATIONS asks for a checkpoint behind so many iterations of an epoch.
  bool due_behind(int64_t iterations) const;

  // Copies the state, then writes it while the caller goes on; waits for an earlier write first.
  // What cannot be written is an error in the log, with path and reason, at the next call; earlier
  // checkpoints stay. Behind a success, all but the newest SF.KEEP_CHECKPOINTS up to this one are
  // removed. Where gradients of several batches are gathered, call it behind a step of the
  // optimizer: gathered gradients are no part of a state.
  void save(const TrainingState& state);

  // Behind an evaluation: writes the state to best.sf in the same way if its top-1 error, in
  // percent, is below that of best.sf.
  void save_if_best(const TrainingState& state, double error);

  // Waits until all is written. False if the last state that was to be saved is not on the disk:
  // failure() then has its path and the reason.
  bool finish();
  const std::string& failure() const;

 private:
  struct Writer;
  std::unique_ptr<Writer> writer_;
};

// A checkpoint file by its name.
struct CheckpointFile {
  std::filesystem::path path;
  int64_t epochs = 0, iterations = 0;  // finished ones; -1 epochs if the name does not tell
  bool own = false;                    // in the engine's format, by its ending
};

// OUTPUT_DIR/checkpoints.
std::filesystem::path checkpoint_folder(const Config& config);

// The checkpoints of the TASK in OUTPUT_DIR, newest first, those of PySlowFast among them. Empty if
// there is no folder.
std::vector<CheckpointFile> checkpoint_files(const Config& config);

}  // namespace sf
