// Boxes of persons scored at the key frames of an AVA-style data set, and the mean average
// precision of that.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "apps/engine/inference_group.h"
#include "data/ava.h"
#include "data/ava_evaluation.h"
#include "data/train_loader.h"

namespace sf {

// Takes the listed boxes of the split, val or test, and scores them in the clips around their key
// frames. What can stay from one evaluation to the next does. One thread at a time.
class DetectionEvaluation {
 public:
  // The model of that configuration must outlive the object. Boxes, labels and exclusions are read
  // here; throws as their readers do. options.max_batch: the most clips that run together, which
  // the devices share out.
  DetectionEvaluation(const Config& config, Split split, const Model& model,
                      std::span<const Device> devices, const InferenceOptions& options);

  // With the weights that the model has now. Replaces detections_latest.csv and
  // groundtruth_latest.csv in OUTPUT_DIR. Key frames that cannot be read are logged and have no
  // detections.
  AvaScore run();

 private:
  // A box of a clip in the making.
  struct Person {
    VideoSecond key;
    BoxCorners box;  // as listed
  };

  void add(const TrainBatch& batch);
  void start_batch();
  void finish_batch();
  void finish_all();
  void log_loader_faults();
  AvaScore evaluate() const;

  Config config_;
  const Model& model_;
  std::vector<Device> devices_;
  InferenceOptions options_;
  AvaOptions lists_;
  AvaDataset dataset_;
  TrainLoader loader_;
  AvaBoxes truth_;
  std::vector<AvaClass> classes_;
  std::set<VideoSecond> excluded_;

  ClipSize size_{0};
  std::optional<InferenceGroup> network_;  // for clips of that size
  std::vector<std::vector<Tensor>> clips_;
  std::vector<Person> persons_;
  std::deque<std::vector<Person>> started_;
  AvaBoxes detections_;
};

// The average precision of each class, the best first, and the mean.
std::vector<std::string> detection_table(const AvaScore& score);

// Tests as the configuration says, to the log and OUTPUT_DIR.
void test_detection(const Config& config, const Model& model, std::span<const Device> devices);

}  // namespace sf
