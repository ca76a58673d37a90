// Trainings from the command line: what they write, how they go on, how they fail.
#include "tests/apps/training.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "tensor/safetensors.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_F(TrainingCommand, TrainsValidatesSavesAndTests) {
  make_set(40);
  const Outcome o =
      sf(arguments("out",
                   "TEST.ENABLE True TRAIN.EVAL_PERIOD 2 BN.USE_PRECISE_STATS True"
                   " BN.NUM_BATCHES_PRECISE 3 TEST.NUM_ENSEMBLE_VIEWS 1 TEST.NUM_SPATIAL_CROPS 1"));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(count(o.out, "\"_type\": \"train_iter_\""), 21);
  EXPECT_EQ(count(o.out, "\"_type\": \"train_epoch\""), 3);
  EXPECT_EQ(count(o.out, "\"_type\": \"val_epoch\""), 2);  // behind epochs 2 and 3
  EXPECT_EQ(count(o.out, "Computing precise BN statistics"), 3);
  EXPECT_EQ(count(o.out, "Load from last checkpoint."), 1);  // the test
  EXPECT_EQ(count(o.out, "\"split\": \"test_final\""), 1);
  for (const char* name :
       {"checkpoint_epoch_00001.sf", "checkpoint_epoch_00002.sf", "checkpoint_epoch_00003.sf"})
    EXPECT_TRUE(fs::exists(checkpoint("out", name))) << name;
  EXPECT_TRUE(fs::exists(folder / "out" / "training.svg"));
  EXPECT_EQ(count(read_text(folder / "out" / "json_stats.log"), "\"_type\": \"train_epoch\""), 3);
}

TEST_F(TrainingCommand, AResumedEpochEndsInTheSameBits) {
  make_set(40);
  ASSERT_EQ(sf(arguments("whole", "SF.CHECKPOINT_ITERATIONS 3")).status, 0);
  // What a kill behind the tenth iteration leaves: the third of the second epoch.
  fs::create_directories(folder / "half" / "checkpoints");
  const char* middle = "checkpoint_epoch_00001_iter_000003.sf";
  fs::copy(checkpoint("whole", middle), checkpoint("half", middle));
  const Outcome o = sf(arguments("half"));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(count(o.out, "\"_type\": \"train_iter_\""), 4 + 7);
  expect_equal_checkpoints(checkpoint("whole", "checkpoint_epoch_00003.sf"),
                           checkpoint("half", "checkpoint_epoch_00003.sf"));
}

TEST_F(TrainingCommand, WorkersChangeNoBit) {
  make_set(24);
  for (int workers : {0, 1, 4})
    ASSERT_EQ(sf(arguments(cat("w", workers),
                           cat("SOLVER.MAX_EPOCH 1 DATA_LOADER.NUM_WORKERS ", workers)))
                  .status,
              0);
  const char* last = "checkpoint_epoch_00001.sf";
  expect_equal_checkpoints(checkpoint("w0", last), checkpoint("w1", last));
  expect_equal_checkpoints(checkpoint("w0", last), checkpoint("w4", last));
}

// Two batches of two are one of four, but for the statistics of batch norm, so those stay out.
// The sums pass through a group of one process.
TEST_F(TrainingCommand, SynchronisedBatchNormOfOneProcessChangesNoBit) {
  make_set(20);
  const std::string sync = "BN.NORM_TYPE sync_batchnorm BN.NUM_SYNC_DEVICES 4";
  const std::string plan = sf(arguments("sync", sync).replace(0, 3, "plan --train")).out;
  EXPECT_NE(plan.find("all_reduce"), std::string::npos) << plan;
  const Outcome plain = sf(arguments("plain")), synchronised = sf(arguments("sync", sync));
  ASSERT_EQ(plain.status, 0) << plain.err;
  ASSERT_EQ(synchronised.status, 0) << synchronised.err;
  expect_equal_checkpoints(checkpoint("plain", "checkpoint_epoch_00003.sf"),
                           checkpoint("sync", "checkpoint_epoch_00003.sf"));
}

TEST_F(TrainingCommand, AccumulatedGradientsAreThoseOfTheWholeBatch) {
  make_set(24);
  const std::string same =
      "MODEL.FROZEN_BN True MODEL.DROPOUT_RATE 0 SOLVER.MAX_EPOCH 1"
      " SOLVER.CLIP_GRAD_L2NORM 1 DATA_LOADER.NUM_WORKERS 0 ";
  ASSERT_EQ(sf(arguments("whole", same)).status, 0);
  ASSERT_EQ(sf(arguments("parts", same + "TRAIN.BATCH_SIZE 2 SF.ACCUMULATE 2")).status, 0);
  const Checkpoint a = load_checkpoint(checkpoint("whole", "checkpoint_epoch_00001.sf")),
                   b = load_checkpoint(checkpoint("parts", "checkpoint_epoch_00001.sf"));
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  double largest = 0;
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    const auto x = a.tensors[i].second.span<float>(), y = b.tensors[i].second.span<float>();
    for (size_t k = 0; k < x.size(); ++k)
      largest = std::max(largest, std::abs(double(x[k]) - double(y[k])));
  }
  EXPECT_LT(largest, 1e-5);  // roundings of float32 sums in four steps of rate 0.01
}

TEST_F(TrainingCommand, MixedAndAugmentedClipsTrain) {
  make_set(24);
  const Outcome o = sf(arguments("out",
                                 "MIXUP.ENABLE True MODEL.LOSS_FUNC soft_cross_entropy"
                                 " AUG.ENABLE True AUG.NUM_SAMPLE 2 SOLVER.MAX_EPOCH 1"
                                 " AUG.COLOR_JITTER 0.3"));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(count(o.out, "\"_type\": \"train_epoch\""), 1);
  EXPECT_EQ(count(o.out, "AUG.COLOR_JITTER: 0.3 has no effect: "), 1) << o.out;
}

// Two stages of the long cycle with three crops each; batch norm goes from splits to none behind
// the first epoch.
constexpr const char* kCycles =
    "MULTIGRID.LONG_CYCLE True MULTIGRID.SHORT_CYCLE True SOLVER.LR_POLICY steps_with_relative_lrs"
    " SOLVER.STEPS [0,2] SOLVER.LRS [1,0.1] SOLVER.MAX_EPOCH 3"
    " MULTIGRID.LONG_CYCLE_FACTORS [[0.5,1],[1,1]] MULTIGRID.BN_BASE_SIZE 4"
    " MULTIGRID.SHORT_CYCLE_FACTORS [0.7,0.8] MULTIGRID.EPOCH_FACTOR 1"
    " DATA.NUM_FRAMES 8 TRAIN.BATCH_SIZE 4 DATA_LOADER.NUM_WORKERS 1";

TEST_F(TrainingCommand, LongAndShortCyclesPassFromStageToStage) {
  make_set(40);
  const Outcome o = sf(arguments("out", kCycles));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(count(o.out, "Long cycle updates: sub_batchnorm, batches of 8 clips, 4 frames"), 1)
      << o.out;
  EXPECT_EQ(count(o.out, "Long cycle updates: batchnorm, batches of 4 clips, 8 frames"), 1);
  EXPECT_EQ(count(o.out, "\"_type\": \"train_epoch\""), 3);
}

TEST_F(TrainingCommand, AResumedStageOfTheLongCycleEndsInTheSameBits) {
  make_set(40);
  ASSERT_EQ(sf(arguments("whole", kCycles)).status, 0);
  fs::create_directories(folder / "late" / "checkpoints");
  const char* second = "checkpoint_epoch_00002.sf";
  fs::copy(checkpoint("whole", second), checkpoint("late", second));
  const Outcome o = sf(arguments("late", kCycles));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(count(o.out, "Loading network weights from"), 1);
  EXPECT_EQ(count(o.out, "Long cycle updates: batchnorm, batches of 4 clips, 8 frames"), 1);
  EXPECT_EQ(count(o.out, "Long cycle updates"), 1);
  expect_equal_checkpoints(checkpoint("whole", "checkpoint_epoch_00003.sf"),
                           checkpoint("late", "checkpoint_epoch_00003.sf"));
}

TEST_F(TrainingCommand, AFrozenStageStays) {
  make_set(24);
  const std::string once = "SOLVER.MAX_EPOCH 1 SOLVER.WEIGHT_DECAY 0.1 ";
  ASSERT_EQ(sf(arguments("start", once + "SOLVER.BASE_LR 1e-30")).status, 0);
  ASSERT_EQ(sf(arguments("out", once + "SF.FREEZE \"['s2.', 's3.']\"")).status, 0);
  const Checkpoint before = load_checkpoint(checkpoint("start", "checkpoint_epoch_00001.sf")),
                   after = load_checkpoint(checkpoint("out", "checkpoint_epoch_00001.sf"));
  for (size_t i = 0; i < after.tensors.size(); ++i) {
    const auto& [name, tensor] = after.tensors[i];
    if (tensor.shape().rank() != 5) continue;  // weight decay moves every one that learns
    const bool same = std::memcmp(tensor.data(), before.tensors[i].second.data(),
                                  size_t(tensor.type().bytes())) == 0;
    EXPECT_EQ(same, (name.starts_with("s2.") || name.starts_with("s3."))) << name;
  }
}

class FailingTraining : public TrainingCommand {
 protected:
  // One line on stderr that holds the text, and status 1.
  void expect_error(const std::string& more, const std::string& text,
                    const std::string& output = "out") {
    const Outcome o = sf(arguments(output, more));
    EXPECT_EQ(o.status, 1);
    EXPECT_EQ(count(o.err, "\n"), 1) << o.err;
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
  }
  std::vector<std::string> lines(const char* list) const {
    std::ifstream in(set / list);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
  void write(const char* list, const std::vector<std::string>& all) const {
    std::ofstream out(set / list);
    for (const std::string& line : all) out << line << "\n";
  }
};

TEST_F(FailingTraining, ABrokenVideoIsReplacedAndAllBrokenOnesAreAnError) {
  make_set(24);
  auto videos = lines("train.csv");
  std::ofstream(set / "broken.mp4") << "no video";
  videos[1] = "broken.mp4 1";
  write("train.csv", videos);
  const Outcome o = sf(arguments("out", "SOLVER.MAX_EPOCH 1"));
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("broken.mp4"), std::string::npos);
  for (std::string& line : videos) line = "broken.mp4 1";
  write("train.csv", videos);
  expect_error("SOLVER.MAX_EPOCH 1", "broken.mp4", "none");
}

TEST_F(FailingTraining, ALabelOutOfRangeNamesFileAndLine) {
  make_set(24);
  auto videos = lines("train.csv");
  videos[2] += "9";
  write("train.csv", videos);
  expect_error("", "train.csv:3");
}

TEST_F(FailingTraining, WeightsThatAreNotFiniteAreNamed) {
  make_set(24);
  ASSERT_EQ(sf(arguments("good", "SOLVER.MAX_EPOCH 1")).status, 0);
  const fs::path good = checkpoint("good", "checkpoint_epoch_00001.sf");
  Checkpoint c = load_checkpoint(good);
  for (auto& [name, tensor] : c.tensors)
    if (name == "s3.pathway0_res0.branch2.a.weight") {
      tensor = tensor.clone();
      tensor.span<float>()[0] = std::numeric_limits<float>::quiet_NaN();
    }
  save_checkpoint(folder / "nan.sf", c);
  expect_error(cat("TRAIN.CHECKPOINT_FILE_PATH ", (folder / "nan.sf").string(),
                   " TRAIN.CHECKPOINT_EPOCH_RESET True"),
               "s3.pathway0_res0.branch2.a");
}

TEST_F(FailingTraining, AReadOnlyFolderIsAnError) {
  make_set(24);
  std::ofstream(folder / "file") << "in the way";
  expect_error("", "file", "file/out");
}

TEST_F(FailingTraining, ADamagedCheckpointIsPassedOver) {
  make_set(24);
  ASSERT_EQ(sf(arguments("out", "SOLVER.MAX_EPOCH 2")).status, 0);
  const fs::path last = checkpoint("out", "checkpoint_epoch_00002.sf");
  std::string bytes = read_text(last);
  bytes[bytes.size() / 2] = char(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(last, std::ios::binary) << bytes;
  const Outcome o = sf(arguments("out", "SOLVER.MAX_EPOCH 2"));
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("A checkpoint is passed over: " + last.string()), std::string::npos);
  EXPECT_NE(o.out.find("Start epoch: 2"), std::string::npos) << o.out;
}

TEST_F(FailingTraining, APlanThatDoesNotFitStopsBeforeTheFirstStep) {
  make_set(24);
  expect_error("SF.MEMORY_LIMIT 0.0001", "set SF.RECOMPUTE True (0.0");
  expect_error("SF.MEMORY_LIMIT 0.0001 SF.RECOMPUTE True", "clips; lower TRAIN.BATCH_SIZE");
}

}  // namespace
}  // namespace sf
