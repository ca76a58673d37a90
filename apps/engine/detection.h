// Boxes of persons scored at the key frames of an AVA-style data set, and the mean average
// precision of that.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "apps/engine/key_frame_scores.h"
#include "apps/engine/training_ranks.h"
#include "data/ava.h"
#include "data/ava_evaluation.h"

namespace sf {

// Takes the listed boxes of the split, val or test, and scores them in the clips around their key
// frames. What can stay from one evaluation to the next does. One thread at a time.
class DetectionEvaluation {
 public:
  // The model of that configuration must outlive the object. Boxes, labels and exclusions are read
  // here; throws as their readers do. options.max_batch: the most clips that run together, which
  // the devices share out. ranks: that share the key frames out; all call run() together.
  DetectionEvaluation(const Config& config, Split split, const Model& model,
                      std::span<const Device> devices, const InferenceOptions& options,
                      const TrainingRanks& ranks = {});

  // With the weights that the model has now. Replaces detections_latest.csv and
  // groundtruth_latest.csv in OUTPUT_DIR. Key frames that cannot be read are logged and have no
  // detections. On other ranks than the first the score is empty.
  AvaScore run();

 private:
  // A box with its scores, those of all ranks in the order of the data set.
  struct Detection {
    int64_t entry = 0;
    BoxCorners box{};
    std::vector<float> scores = {};
  };
  std::vector<Detection> detect();

  Config config_;
  TrainingRanks ranks_;
  AvaOptions lists_;
  AvaDataset dataset_;
  AvaBoxes truth_;
  std::vector<AvaClass> classes_;
  std::set<VideoSecond> excluded_;
  KeyFrameScores scores_;
};

// The average precision of each class, the best first, and the mean.
std::vector<std::string> detection_table(const AvaScore& score);

// Tests as the configuration says, to the log and OUTPUT_DIR.
void test_detection(const Config& config, const Model& model, std::span<const Device> devices,
                    const TrainingRanks& ranks);

}  // namespace sf
