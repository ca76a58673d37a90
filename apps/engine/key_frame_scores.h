// Scores of listed boxes in the clips around key frames.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/engine/inference_group.h"
#include "apps/engine/training_ranks.h"
#include "data/train_loader.h"

namespace sf {

struct ScoredBox {
  int64_t entry = 0;              // of the data set
  int64_t video = 0, second = 0;  // as its key frame has them
  BoxCorners box{};               // as listed, in shares of the picture
  std::span<const float> scores;  // of each class
};

// Runs a network on the clips of a data set, or this rank's part of them, in order. Plans stay from
// one run to the next. One thread at a time.
class KeyFrameScores {
 public:
  // The model of that configuration and the data set must outlive the object. Throws unless the
  // model detects. options.max_batch: the most clips that run together, which the devices share
  // out. ranks: that share the key frames out by the options of the loader; all call run()
  // together.
  KeyFrameScores(const Config& config, const Model& model, std::span<const Device> devices,
                 const InferenceOptions& options, const Dataset& dataset,
                 const TrainLoaderOptions& loading, const TrainingRanks& ranks = {});

  // With the weights that the model has now. Calls visit for each box, key frame after key frame;
  // its scores live as long as the call. Key frames that cannot be read are logged and left out.
  void run(const std::function<void(const ScoredBox&)>& visit);

 private:
  // A box of a clip in the making.
  struct Box {
    int64_t entry, video, second;
    BoxCorners corners;
  };

  void add(const TrainBatch& batch);
  void start_batch();
  void finish_batch();
  void finish_all();
  void log_faults(bool at_end);

  Config config_;
  const Model& model_;
  std::vector<Device> devices_;
  InferenceOptions options_;
  TrainingRanks ranks_;
  int64_t key_frames_;
  TrainLoader loader_;

  ClipSize size_{0};
  std::optional<InferenceGroup> network_;  // for clips of that size
  std::vector<std::vector<Tensor>> clips_;
  std::vector<Box> boxes_;
  std::deque<std::vector<Box>> started_;
  std::function<void(const ScoredBox&)> visit_;
  std::vector<std::string> faults_;  // that the log does not have yet
  bool unfinished_ = false;          // the run before ended by an exception
};

}  // namespace sf
