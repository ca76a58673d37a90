// Whole runs of several ranks against those of one.
#include <fstream>
#include <regex>

#include <nlohmann/json.hpp>

#include "apps/engine/checkpointer.h"
#include "apps/engine/tester.h"
#include "apps/engine/trainer.h"
#include "dist/thread_group.h"
#include "tests/apps/log_lines.h"
#include "tests/apps/training.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

class TrainingOfRanks : public TrainingCommand {
 protected:
  // Seven batches of four clips an epoch; six videos for validation, so that a rank has none of the
  // last batch.
  Config config(const std::string& output, const std::vector<std::string>& more = {}) {
    std::vector<std::string> pairs{"DATA.PATH_TO_DATA_DIR", set.string(), "OUTPUT_DIR",
                                   (folder / output).string()};
    const char* keys =
        "TRAIN.BATCH_SIZE 4 SOLVER.MAX_EPOCH 2 SOLVER.BASE_LR 0.01 SOLVER.WARMUP_EPOCHS 0 "
        "TRAIN.EVAL_PERIOD 1 TRAIN.CHECKPOINT_PERIOD 1 BN.NORM_TYPE sync_batchnorm BN.GLOBAL_SYNC "
        "True BN.USE_PRECISE_STATS True BN.NUM_BATCHES_PRECISE 3 RESNET.DEPTH 18 "
        "RESNET.NUM_BLOCK_TEMP_KERNEL [[2,2],[2,2],[2,2],[2,2]] RESNET.WIDTH_PER_GROUP 4 "
        "SLOWFAST.BETA_INV 2 DATA.NUM_FRAMES 4 SLOWFAST.ALPHA 2 DATA.TRAIN_CROP_SIZE 32 "
        "DATA.TEST_CROP_SIZE 32 DATA.TRAIN_JITTER_SCALES [32,40] LOG_PERIOD 1 SF.DEVICE cpu "
        "SOLVER.OPTIMIZING_METHOD sgd SF.GRADIENT_BUCKET 0.02 SF.CHECKPOINT_ITERATIONS 3 "
        "TEST.BATCH_SIZE 2 TEST.NUM_ENSEMBLE_VIEWS 2 TEST.NUM_SPATIAL_CROPS 1 "
        "TEST.SAVE_RESULTS_PATH scores.safetensors MODEL.DROPOUT_RATE 0.5";
    std::istringstream words(keys);
    for (std::string word; words >> word;) pairs.push_back(word);
    pairs.insert(pairs.end(), more.begin(), more.end());
    std::filesystem::create_directories(folder / output);
    return Config::load(std::string(SF_SOURCE_DIR) + "/configs/synthetic/SLOWFAST_TINY.yaml",
                        pairs);
  }

  // The lines that the ranks log.
  static std::vector<std::string> train_with(int ranks, const Config& config) {
    LogLines log;
    run_thread_group(ranks, [&](const auto& world) { train(config, world); });
    return log.take();
  }

  // Values of json_stats lines, but for what is measured.
  static std::vector<nlohmann::json> stats(const std::vector<std::string>& lines) {
    std::vector<nlohmann::json> all;
    for (const std::string& line : lines) {
      const size_t at = line.find("json_stats: ");
      if (at == line.npos) continue;
      all.push_back(nlohmann::json::parse(line.substr(at + 12)));
      for (const char* key : {"dt", "dt_data", "dt_net", "eta", "time_diff", "RAM", "gpu_mem"})
        all.back().erase(key);
    }
    return all;
  }

  // To 1e-9 of the largest value of each tensor: rounding of sums in another order.
  static void expect_near_checkpoints(const std::filesystem::path& a,
                                      const std::filesystem::path& b) {
    const Checkpoint x = load_checkpoint(a), y = load_checkpoint(b);
    for (const auto& [found, wanted] :
         {std::pair(x.tensors, y.tensors), std::pair(x.optimizer, y.optimizer)}) {
      ASSERT_EQ(found.size(), wanted.size());
      for (size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(found[i].first, wanted[i].first);
        const auto f = found[i].second.span<double>(), w = wanted[i].second.span<double>();
        double largest = 1e-3, farthest = 0;
        for (size_t k = 0; k < w.size(); ++k) {
          largest = std::max(largest, std::abs(w[k]));
          farthest = std::max(farthest, std::abs(f[k] - w[k]));
        }
        EXPECT_LT(farthest, 1e-9 * largest) << found[i].first;
      }
    }
    const auto progress = [](const Checkpoint& c) {
      auto all = nlohmann::json::parse(c.text.at("training"));
      all.erase("best_error");  // which the logs of the folder tell
      return all;
    };
    EXPECT_EQ(progress(x), progress(y));
  }

  static std::string content(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in) << path;
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(TrainingOfRanks, IsThatOfOne) {
  const HangGuard guard;
  make_set(40);
  const auto one = train_with(1, config("one", {"SF.DTYPE", "f64"}));
  const auto two = train_with(2, config("two", {"SF.DTYPE", "f64"}));
  EXPECT_EQ(stats(two), stats(one));  // to five decimals
  EXPECT_GT(stats(one).size(), 18U);
  EXPECT_EQ(stats(split_lines(content(folder / "two/json_stats.log"))),
            stats(split_lines(content(folder / "one/json_stats.log"))));
  expect_near_checkpoints(checkpoint("two", "checkpoint_epoch_00002.sf"),
                          checkpoint("one", "checkpoint_epoch_00002.sf"));

  // From within an epoch of one rank to the end with four.
  const auto more = config("resumed", {"SF.DTYPE", "f64"});
  std::filesystem::create_directories(checkpoint("resumed", ""));
  const char* middle = "checkpoint_epoch_00001_iter_000003.sf";
  std::filesystem::copy_file(checkpoint("one", middle), checkpoint("resumed", middle));
  train_with(4, more);
  expect_near_checkpoints(checkpoint("resumed", "checkpoint_epoch_00002.sf"),
                          checkpoint("one", "checkpoint_epoch_00002.sf"));
}

// Batch norm of each rank alone, whose statistics are kept by the first.
TEST_F(TrainingOfRanks, GoesOnToTheBitAsIfItHadNeverStopped) {
  const HangGuard guard;
  make_set(40);
  const std::vector<std::string> keys{"BN.NORM_TYPE", "batchnorm", "BN.USE_PRECISE_STATS", "False"};
  train_with(2, config("whole", keys));
  const char* middle = "checkpoint_epoch_00001_iter_000003.sf";
  const Config rest = config("rest", keys);
  std::filesystem::create_directories(checkpoint("rest", ""));
  std::filesystem::copy_file(checkpoint("whole", middle), checkpoint("rest", middle));
  train_with(2, rest);
  expect_equal_checkpoints(checkpoint("rest", "checkpoint_epoch_00002.sf"),
                           checkpoint("whole", "checkpoint_epoch_00002.sf"));
}

TEST_F(TrainingOfRanks, TestsGiveTheScoresOfOneToTheBit) {
  const HangGuard guard;
  make_set(40);
  std::ofstream(set / "test.csv", std::ios::app) << "absent.mp4 1\n";
  std::vector<std::string> scores, predictions, results;
  for (const int ranks : {1, 2, 4}) {
    const std::string output = cat("ranks", ranks);
    const Config c = config(output, {"TEST.BATCH_SIZE", "4"});
    LogLines log;
    run_thread_group(ranks, [&](const auto& world) { test(c, world); });
    scores.push_back(content(folder / output / "scores.safetensors"));
    predictions.push_back(content(folder / output / "test_predictions.json"));
    for (const std::string& line : log.take())
      if (line.find("test_final") != line.npos || line.find("videos counted") != line.npos)
        results.push_back(line);
  }
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_TRUE(scores[i] == scores[0]) << i;
    EXPECT_EQ(predictions[i], predictions[0]);
    EXPECT_EQ(results[2 * i], results[0]);
    EXPECT_EQ(results[2 * i + 1], results[1]);
  }
  EXPECT_NE(predictions[0].find("absent.mp4"), std::string::npos);
}

TEST_F(TrainingOfRanks, TellOfBadVideosOnce) {
  const HangGuard guard;
  make_set(20);
  std::ofstream(set / "train.csv", std::ios::app) << "absent.mp4 1\nmissing.mp4 1\n";
  const auto lines = train_with(2, config("bad", {"SOLVER.MAX_EPOCH", "1", "TRAIN.EVAL_PERIOD", "9",
                                                  "BN.USE_PRECISE_STATS", "False"}));
  for (const char* video : {"absent.mp4", "missing.mp4"})
    EXPECT_EQ(std::ranges::count_if(
                  lines, [&](const auto& line) { return line.find(video) != line.npos; }),
              1)
        << video;
}

TEST_F(TrainingOfRanks, EndTogetherWithOneLine) {
  const HangGuard guard;
  make_set(20);
  const auto error_of = [&](int ranks, const Config& c) {
    try {
      train_with(ranks, c);
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string();
  };
  EXPECT_EQ(error_of(3, config("a")),
            "batches: wanted a multiple of the 3 processes that share a batch, found 4 videos");
  EXPECT_EQ(error_of(2, config("b", {"TRAIN.BATCH_SIZE", "20"})),
            "TRAIN.BATCH_SIZE: wanted at most the 14 videos of the data set for the 2 processes "
            "that share a batch, found 20");
  EXPECT_EQ(error_of(4, config("mixed",
                               {"MIXUP.ENABLE", "True", "MODEL.LOSS_FUNC", "soft_cross_entropy"})),
            "mixup: wanted a batch of at least 2 clips, found 1");
  // Rank 0 alone writes, and finds that it cannot.
  std::ofstream(folder / "file") << "no folder";
  const std::string told = error_of(2, config("c", {"OUTPUT_DIR", (folder / "file").string()}));
  EXPECT_NE(told.find("OUTPUT_DIR"), std::string::npos) << told;
}

}  // namespace
}  // namespace sf
