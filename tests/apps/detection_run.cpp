// AVA's data set through testing, training and validation.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "apps/engine/detection.h"
#include "apps/engine/logging.h"
#include "apps/engine/setup.h"
#include "apps/engine/training_history.h"
#include "dist/thread_group.h"
#include "models/weights.h"
#include "tests/apps/command_line.h"
#include "tests/apps/golden.h"
#include "tests/data/golden_ava.h"
#include "tests/hang_guard.h"

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

// Three do not divide the key frames.
TEST_F(DetectionRun, RanksFindTheBoxesOfOneToTheBit) {
  const HangGuard guard;
  const auto run = [&](int ranks) {
    config.set("TEST.BATCH_SIZE", cat(ranks));
    double mean = 0;
    run_thread_group(ranks, [&](const auto& world) {
      const QuietThread quiet;
      const TrainingRanks group{.world = world};
      DetectionEvaluation evaluation(config, Split::test, *model, std::array{Device{}},
                                     inference_options(config, group), group);
      const AvaScore score = evaluation.run();
      if (group.leads()) mean = score.mean;
      world->barrier();
    });
    return std::pair(mean, read_text(folder / "detections_latest.csv"));
  };
  const auto one = run(1);
  EXPECT_EQ(run(2), one);
  EXPECT_EQ(run(3), one);
  config.set("SF.REPEAT_VIDEOS", "True");
  EXPECT_EQ(run(1), one);
  EXPECT_GT(run(3).second.size(), one.second.size());
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

TEST_F(DetectionRun, ARunBehindOneThatFailedIsRight) {
  config.set("TEST.BATCH_SIZE", "3");
  const auto dataset = make_dataset("ava", Split::test, config);
  KeyFrameScores scores(config, *model, std::array{Device{}}, inference_options(config), *dataset,
                        key_frame_loader_options(config, Split::test));
  const auto all = [&] {
    std::vector<float> found;
    scores.run([&](const ScoredBox& box) {
      found.push_back(float(box.second));
      found.insert(found.end(), box.scores.begin(), box.scores.end());
    });
    return found;
  };
  const auto wanted = all();
  int visits = 0;
  EXPECT_THROW(scores.run([&](const ScoredBox&) { SF_CHECK(++visits < 5, "enough"); }), Error);
  EXPECT_EQ(visits, 5);
  EXPECT_EQ(all(), wanted);
}

TEST_F(DetectionRun, ANetworkForClipsIsRefused) {
  config.set("DETECTION.ENABLE", "False");
  const auto other = make_model(config, DType::f32);
  EXPECT_THROW(DetectionEvaluation(config, Split::test, *other, std::array{Device{}},
                                   inference_options(config)),
               Error);
}

class DetectionRunSlow : public DetectionRun {
 protected:
  // The annotated boxes of the key frames whose pictures are there, and the same as detections.
  DetectionRunSlow() {
    std::set<std::string> there;
    for (const std::string& line : split_lines(read_text(golden_ava() / "ava_val_detected.csv")))
      if (std::stod(line.substr(line.rfind(',') + 1)) >= 0.8)
        there.insert(line.substr(0, line.find(',') + 5));
    std::ofstream truth(folder / "truth.csv"), boxes(folder / "boxes.csv");
    std::set<std::string> known;
    for (const std::string& line : split_lines(read_text(golden_ava() / "ava_val_gt.csv"))) {
      if (!there.contains(line.substr(0, line.find(',') + 5))) continue;
      truth << line << '\n';
      const std::string box = line.substr(0, line.rfind(',', line.rfind(',') - 1));
      if (known.insert(box).second) boxes << box << ",,1.0\n";
    }
    for (const char* name :
         {"ava_action_list_v2.2_for_activitynet_2019.pbtxt", "ava_val_excluded_timestamps.csv"})
      std::filesystem::copy(golden_ava() / name, folder / name);
  }
};

// As users do; nothing of this is in reach of chance: boxes of one clip have other labels.
TEST_F(DetectionRunSlow, ANarrowNetworkLearnsItsKeyFrames) {
  const Outcome o =
      sf(cat("run", SmallCase("ava_slowfast_r50").arguments(), " AVA.FRAME_DIR ",
             (golden_ava() / "frames").string(), " AVA.FRAME_LIST_DIR ", golden_ava().string(),
             " AVA.ANNOTATION_DIR ", folder.string(),
             " AVA.TRAIN_LISTS \"['frame_list.csv']\" AVA.TEST_LISTS \"['frame_list.csv']\""
             " AVA.TRAIN_GT_BOX_LISTS \"['truth.csv']\" AVA.TRAIN_PREDICT_BOX_LISTS \"[]\""
             " AVA.TEST_PREDICT_BOX_LISTS \"['boxes.csv']\" AVA.GROUNDTRUTH_FILE truth.csv"
             " AVA.LABEL_MAP_FILE ava_action_list_v2.2_for_activitynet_2019.pbtxt"
             " AVA.EXCLUSION_FILE ava_val_excluded_timestamps.csv AVA.FULL_TEST_ON_VAL True"
             " TRAIN.ENABLE True TRAIN.DATASET ava TRAIN.BATCH_SIZE 4 TRAIN.EVAL_PERIOD 60"
             " TRAIN.CHECKPOINT_PERIOD 60 TRAIN.CHECKPOINT_FILE_PATH '' TRAIN.AUTO_RESUME True"
             " TEST.CHECKPOINT_FILE_PATH '' DATA.TRAIN_JITTER_SCALES \"[64, 64]\""
             " SOLVER.OPTIMIZING_METHOD adam SOLVER.LR_POLICY cosine SOLVER.BASE_LR 0.002"
             " SOLVER.WARMUP_EPOCHS 5.0 SOLVER.WARMUP_START_LR 0.0002 SOLVER.MAX_EPOCH 120"
             " SOLVER.WEIGHT_DECAY 0.0 LOG_PERIOD 2 OUTPUT_DIR ",
             (folder / "out").string()));
  ASSERT_EQ(o.status, 0) << o.err;
  const std::string stats = read_text(folder / "out" / "json_stats.log");
  const auto map = [&](const std::string& behind) {
    const size_t line = stats.rfind(behind), at = stats.find("\"map\": ", line);
    return at == std::string::npos ? std::nan("") : std::stod(stats.substr(at + 7));
  };
  EXPECT_GT(map("\"_type\": \"val_epoch\""), 0.8) << stats;
  EXPECT_GT(std::stod(stats.substr(stats.rfind("\"map\": ") + 7)), 0.8) << stats;
  EXPECT_NE(o.out.find("\"_type\": \"train_iter\", \"cur_epoch\": \"120/120\", \"cur_iter\""),
            std::string::npos);
  const TrainingHistory history = read_history(folder / "out", 120, 0);
  EXPECT_EQ(history.training.size(), 120u);
  EXPECT_EQ(history.validation.size(), 2u);
  // The best of all validations, whose errors the log rounds to five digits.
  double best = 0;
  const std::string key = "\"_type\": \"val_epoch\"";
  for (size_t at = stats.find(key); at != std::string::npos; at = stats.find(key, at + 1))
    best = std::max(best, std::stod(stats.substr(stats.find("\"map\": ", at) + 7)));
  EXPECT_NEAR(history.min_top1_error(), 100 * (1 - best), 1e-3);
}

}  // namespace
}  // namespace sf
