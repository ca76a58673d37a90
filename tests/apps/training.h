// Small trainings by the sf program.
#pragma once

#include <cstring>
#include <string>

#include "tensor/checkpoint.h"
#include "tests/apps/command_line.h"

namespace sf {

// A set of moving shapes and a network that trains on it within a second or two.
class TrainingCommand : public CommandLine {
 protected:
  // videos: 70 % of them are for training.
  void make_set(int videos) {
    const Outcome o = sf(cat("synth --out ", set.string(), " --videos ", videos, " --seed 5"));
    ASSERT_EQ(o.status, 0) << o.err;
  }

  // Seven iterations an epoch with 40 videos.
  std::string arguments(const std::string& output, const std::string& more = "") const {
    return cat("run --cfg configs/synthetic/SLOWFAST_TINY.yaml DATA.PATH_TO_DATA_DIR ",
               set.string(), " OUTPUT_DIR ", (folder / output).string(),
               " TRAIN.ENABLE True TEST.ENABLE False TRAIN.BATCH_SIZE 4 SOLVER.MAX_EPOCH 3"
               " SOLVER.BASE_LR 0.01 SOLVER.OPTIMIZING_METHOD sgd SOLVER.WARMUP_EPOCHS 0"
               " TRAIN.EVAL_PERIOD 10 TRAIN.CHECKPOINT_PERIOD 1 BN.USE_PRECISE_STATS False"
               " RESNET.DEPTH 18 RESNET.NUM_BLOCK_TEMP_KERNEL [[2,2],[2,2],[2,2],[2,2]]"
               " RESNET.WIDTH_PER_GROUP 4 SLOWFAST.BETA_INV 2 DATA.NUM_FRAMES 4"
               " SLOWFAST.ALPHA 2 DATA.TRAIN_CROP_SIZE 32 DATA.TEST_CROP_SIZE 32"
               " DATA.TRAIN_JITTER_SCALES [32,40] LOG_PERIOD 1 ",
               more);
  }

  std::filesystem::path checkpoint(const std::string& output, const std::string& name) const {
    return folder / output / "checkpoints" / name;
  }

  static void expect_equal(const NamedTensors& a, const NamedTensors& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].first, b[i].first);
      ASSERT_EQ(a[i].second.type(), b[i].second.type()) << a[i].first;
      EXPECT_EQ(
          std::memcmp(a[i].second.data(), b[i].second.data(), size_t(a[i].second.type().bytes())),
          0)
          << a[i].first;
    }
  }
  // Parameters, running statistics and the optimizer's state, bit for bit.
  static void expect_equal_checkpoints(const std::filesystem::path& a,
                                       const std::filesystem::path& b) {
    const Checkpoint x = load_checkpoint(a), y = load_checkpoint(b);
    expect_equal(x.tensors, y.tensors);
    expect_equal(x.optimizer, y.optimizer);
    EXPECT_EQ(x.epoch, y.epoch);
  }

  const std::filesystem::path set = folder / "set";
};

}  // namespace sf
