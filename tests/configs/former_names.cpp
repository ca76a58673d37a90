// Older files: names that keys and values no longer have, and keys without effect.
#include <gtest/gtest.h>

#include "tests/configs/config_of.h"

namespace sf {
namespace {

TEST(FormerNames, FormerKeysBecomeTheirSuccessors) {
  const Config config = config_of(
      "DATA: {CROP_SIZE: 160}\n"
      "AVA: {TRAIN_PCA_EIGVAL: [1, 2, 3], TRAIN_PCA_EIGVEC: [[4]]}\n"
      "TENSORBOARD: {MODEL_VIS: {TOPK: 5}}\n"
      "BN: {EPSILON: 1e-5, MOMENTUM: 0.1}\n");
  EXPECT_EQ(config.get<int>("DATA.TRAIN_CROP_SIZE"), 160);
  EXPECT_EQ(config.get<int>("DATA.TEST_CROP_SIZE"), 160);
  EXPECT_EQ(config.get<std::vector<int>>("DATA.TRAIN_PCA_EIGVAL"), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(config.get<std::vector<std::vector<int>>>("DATA.TRAIN_PCA_EIGVEC")[0][0], 4);
  EXPECT_EQ(config.get<int>("TENSORBOARD.MODEL_VIS.TOPK_PREDS"), 5);
  EXPECT_EQ(config.warnings(),
            (Pairs{"a.yaml:1: DATA.CROP_SIZE: is taken for DATA.TRAIN_CROP_SIZE and "
                   "DATA.TEST_CROP_SIZE",
                   "a.yaml:2: AVA.TRAIN_PCA_EIGVAL: is taken for DATA.TRAIN_PCA_EIGVAL",
                   "a.yaml:2: AVA.TRAIN_PCA_EIGVEC: is taken for DATA.TRAIN_PCA_EIGVEC",
                   "a.yaml:3: TENSORBOARD.MODEL_VIS.TOPK: is taken for "
                   "TENSORBOARD.MODEL_VIS.TOPK_PREDS"}));
  EXPECT_EQ(error_of_pairs({"DATA.CROP_SIZE", "wide"}),
            "DATA.TRAIN_CROP_SIZE: wanted an integer, found 'wide'");
  EXPECT_EQ(error_of_pairs({"BN.EPSILON", "1e-3"}),
            "BN.EPSILON: wanted 1e-05, the only value there is, found 0.001");
  EXPECT_EQ(error_of_pairs({"BN.MOMENTUM", "None"}),
            "BN.MOMENTUM: wanted 0.1, the only value there is, found None");
}

TEST(FormerNames, FormerNamesOfArchsBecomeThePresentOnes) {
  const struct {
    const char *former, *present;
  } kCases[] = {
      {"slowonly", "slow"}, {"c2d_nopool", "slow_c2d"}, {"i3d_nopool", "slow_i3d"}, {"i3d", "i3d"}};
  for (const auto& [former, present] : kCases) {
    EXPECT_EQ(config_of(cat("MODEL: {ARCH: ", former, "}")).get<std::string>("MODEL.ARCH"),
              present);
    Config config;
    config.set("MODEL.ARCH", former);
    EXPECT_EQ(config.get<std::string>("MODEL.ARCH"), present);
  }
}

TEST(FormerNames, DeadKeysAreWarnedOfAndPassedOver) {
  const Config config = config_of("PREFETCH:\n  NUM_LOADERS: 4\n  OTHER: {A: 1}\n");
  EXPECT_TRUE(config == Config());
  EXPECT_EQ(config.warnings(), (Pairs{"a.yaml:1: PREFETCH: has no effect"}));
}

TEST(FormerNames, WarningsAreFewAndEachSaidOnce) {
  Config config;
  for (int i = 0; i < 2; ++i) config.merge_text("NUM_GPUS: 1\nNUM_GPUS: 2\n", "a.yaml");
  EXPECT_EQ(config.get<int>("NUM_GPUS"), 2);
  EXPECT_EQ(config.warnings(),
            (Pairs{"a.yaml:2: 'NUM_GPUS' stands in line 1 already; the last value counts"}));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += cat("PREFETCH.KEY", i, ": 1\n");
  EXPECT_EQ(config_of(many).warnings().size(), 100u);
}

}  // namespace
}  // namespace sf
