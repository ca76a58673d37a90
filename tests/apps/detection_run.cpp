// AVA's data set through testing, training and validation.
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "apps/engine/detection.h"
#include "apps/engine/setup.h"
#include "models/weights.h"
#include "tests/apps/command_line.h"
#include "tests/apps/golden.h"
#include "tests/data/golden_ava.h"

namespace sf {
namespace {

// The narrow network on that data set.
Config config_of_case() {
  Config config = SmallCase("ava_slowfast_r50").config;
  set_golden_ava(config);
  config.set("AVA.LABEL_MAP_FILE", "ava_action_list_v2.2_for_activitynet_2019.pbtxt");
  config.set("AVA.EXCLUSION_FILE", "ava_val_excluded_timestamps.csv");
  config.set("AVA.GROUNDTRUTH_FILE", "ava_val_gt.csv");
  config.set("NUM_GPUS", "0");
  return config;
}

class DetectionRun : public CommandLine {
 protected:
  DetectionRun() : config(config_of_case()) {
    config.set("OUTPUT_DIR", folder.string());
    model = make_model(config, DType::f32);
    fill_counter_weights(*model);
  }
  Config config;
  std::unique_ptr<Model> model;
};

// The original's own float32 scores: what rounding leaves of probabilities that a narrow network
// gives.
constexpr double kScore = 1e-5;

TEST_F(DetectionRun, ScoresOfKeyFramesAreTheOriginals) {
  const Safetensors golden = read_safetensors(golden_ava() / "loader_and_scores.safetensors");
  const auto dataset = make_dataset("ava", Split::test, config);
  TrainLoader loader(*dataset, key_frame_loader_options(config, Split::test));
  loader.start(0);
  std::optional<Inference> network;
  for (int i = 0; auto batch = loader.next(); ++i) {
    const Shape& pictures = batch->pathways[0].shape();
    if (!network) network.emplace(*model, ClipSize(pictures[2], pictures[3]), InferenceOptions{});
    std::vector<float> corners;
    for (int64_t k = 0; k < batch->boxes->count; ++k) {
      const auto row = batch->boxes->boxes.row(k).span<float>();
      corners.insert(corners.end(), row.begin() + 1, row.end());
    }
    std::vector<Tensor> clip;
    for (const Tensor& pathway : batch->pathways) clip.push_back(pathway.row(0));
    clip.push_back(Tensor::from(corners, {batch->boxes->count, 4}));
    const Tensor scores = network->run({clip}).scores;
    const auto wanted = golden.at(cat(i, ".scores")).span<float>();
    ASSERT_EQ(scores.numel(), std::ssize(wanted)) << i;
    EXPECT_LT(difference(scores.span<float>(), wanted), kScore) << i;
  }
}

TEST_F(DetectionRun, MeanAveragePrecisionIsTheOriginals) {
  const double golden = std::stod(
      read_safetensors(golden_ava() / "loader_and_scores.safetensors").metadata.at("mAP"));
  for (const char* together : {"1", "4"}) {
    SCOPED_TRACE(together);
    config.set("TEST.BATCH_SIZE", together);
    DetectionEvaluation evaluation(config, Split::test, *model, std::array{Device{}},
                                   inference_options(config));
    const AvaScore score = evaluation.run();
    // One pair of scores in another order would show: of few boxes each moves the mean by more.
    EXPECT_NEAR(score.mean, golden, 1e-6);
    EXPECT_NEAR(evaluation.run().mean, golden, 1e-6);
    const AvaBoxes written = read_ava_boxes(folder / "detections_latest.csv", AvaFile::detections);
    EXPECT_EQ(written.frames().size(), 11u);
    EXPECT_EQ(std::ssize(detection_table(score)),
              2 + std::ranges::count_if(score.classes, [](const auto& c) { return c.truths > 0; }));
  }
}

TEST_F(DetectionRun, BothVideosMayHaveOtherSizesAndClipsMayBeMissing) {
  const std::filesystem::path copy = folder / "ava";
  std::filesystem::copy(golden_ava(), copy, std::filesystem::copy_options::recursive);
  config.set("AVA.FRAME_DIR", (copy / "frames").string());
  // A key frame of the second video alone lies among these.
  std::ofstream(copy / "frames" / "v_test" / "v_test_000045.jpg") << "no picture";
  DetectionEvaluation evaluation(config, Split::test, *model, std::array{Device{}},
                                 inference_options(config));
  evaluation.run();
  const AvaBoxes written = read_ava_boxes(folder / "detections_latest.csv", AvaFile::detections);
  EXPECT_EQ(written.frames().size(), 10u);
}

TEST_F(DetectionRun, ANetworkForClipsIsRefused) {
  config.set("DETECTION.ENABLE", "False");
  const auto other = make_model(config, DType::f32);
  EXPECT_THROW(DetectionEvaluation(config, Split::test, *other, std::array{Device{}},
                                   inference_options(config)),
               Error);
}

}  // namespace
}  // namespace sf
