// What the original asserts and infers before a run.
#include <gtest/gtest.h>

#include "tests/configs/config_of.h"

namespace sf {
namespace {

Config valid(const Pairs& pairs) {
  Config config;
  config.merge_pairs(pairs);
  config.validate();
  return config;
}

TEST(Validate, EachRuleNamesItsKey) {
  const struct {
    Pairs pairs;
    const char* error;
  } kCases[] = {
      {{"BN.USE_PRECISE_STATS", "True", "BN.NUM_BATCHES_PRECISE", "-1"},
       "BN.NUM_BATCHES_PRECISE: wanted at least 0, found -1"},
      {{"TRAIN.CHECKPOINT_TYPE", "keras"},
       "TRAIN.CHECKPOINT_TYPE: wanted pytorch or caffe2, found 'keras'"},
      {{"TEST.CHECKPOINT_TYPE", "keras"},
       "TEST.CHECKPOINT_TYPE: wanted pytorch or caffe2, found 'keras'"},
      {{"NUM_GPUS", "-1"}, "NUM_GPUS: wanted at least 0, found -1"},
      {{"NUM_GPUS", "3", "SF.DEVICE", "cuda"},
       "TRAIN.BATCH_SIZE: wanted a multiple of NUM_GPUS 3, found 64"},
      {{"NUM_GPUS", "4", "TEST.BATCH_SIZE", "6", "SF.DEVICE", "cuda:1"},
       "TEST.BATCH_SIZE: wanted a multiple of NUM_GPUS 4, found 6"},
      {{"TRAIN.BATCH_SIZE", "0"}, "TRAIN.BATCH_SIZE: wanted at least 1, found 0"},
      {{"TEST.BATCH_SIZE", "-8"}, "TEST.BATCH_SIZE: wanted at least 1, found -8"},
      {{"SF.CPU_PROCESSES", "0"}, "SF.CPU_PROCESSES: wanted at least 1, found 0"},
      {{"SF.CPU_PROCESSES", "3", "SF.DEVICE", "cpu"},
       "TRAIN.BATCH_SIZE: wanted a multiple of SF.CPU_PROCESSES 3, found 64"},
      {{"SF.DIST_TIMEOUT", "0"},
       "SF.DIST_TIMEOUT: wanted a number above 0 and up to 1000000000, found 0.0"},
      {{"SF.RESTARTS", "-1"}, "SF.RESTARTS: wanted at least 0, found -1"},
      {{"RESNET.NUM_GROUPS", "0"}, "RESNET.NUM_GROUPS: wanted at least 1, found 0"},
      {{"RESNET.WIDTH_PER_GROUP", "0"}, "RESNET.WIDTH_PER_GROUP: wanted at least 1, found 0"},
      {{"RESNET.NUM_GROUPS", "3"},
       "RESNET.WIDTH_PER_GROUP: wanted a multiple of RESNET.NUM_GROUPS 3, found 64"},
      {{"NUM_SHARDS", "0"}, "NUM_SHARDS: wanted at least 1, found 0"},
      {{"SHARD_ID", "-1"}, "SHARD_ID: wanted at least 0, found -1"},
      {{"NUM_SHARDS", "2", "SHARD_ID", "2"}, "SHARD_ID: wanted less than NUM_SHARDS 2, found 2"},
      {{"SF.MEMORY_LIMIT", "-1"},
       "SF.MEMORY_LIMIT: wanted a number above 0 and up to 1048576, found -1.0"},
      {{"SF.LOADER_MEMORY", ".nan"},
       "SF.LOADER_MEMORY: wanted a number above 0 and up to 1048576, found .nan"},
      {{"SF.DECODE_TIMEOUT", ".inf"},
       "SF.DECODE_TIMEOUT: wanted a number above 0 and up to 1000000000, found .inf"},
      {{"SF.DECODER", "gpu"}, "SF.DECODER: wanted cpu or cuda, found 'gpu'"},
      {{"SF.WINOGRAD", "maybe"}, "SF.WINOGRAD: wanted auto, on or off, found 'maybe'"},
      {{"NUM_GPUS", "None"}, "NUM_GPUS: wanted an integer, found None"},
      {{"TRAIN.CHECKPOINT_TYPE", "None"}, "TRAIN.CHECKPOINT_TYPE: wanted a string, found None"},
  };
  for (const auto& [pairs, error] : kCases)
    EXPECT_EQ(error_of([&pairs = pairs] { valid(pairs); }), error);
}

TEST(Validate, WhatTheRulesAllow) {
  for (const Pairs& pairs :
       {Pairs{"BN.NUM_BATCHES_PRECISE", "-1"},  // not used
        Pairs{"BN.USE_PRECISE_STATS", "True", "BN.NUM_BATCHES_PRECISE", "0"},
        Pairs{"TRAIN.CHECKPOINT_TYPE", "caffe2", "TEST.CHECKPOINT_TYPE", "caffe2"},
        Pairs{"NUM_GPUS", "0", "TRAIN.BATCH_SIZE", "7"},
        Pairs{"NUM_GPUS", "8", "SF.DEVICE", "cuda"},
        Pairs{"NUM_GPUS", "3", "SF.DEVICE", "cpu"},  // counts as 0
        Pairs{"SF.CPU_PROCESSES", "4", "SF.DEVICE", "cpu"},
        Pairs{"SF.CPU_PROCESSES", "3", "SF.DEVICE", "cuda"},  // not used
        Pairs{"RESNET.NUM_GROUPS", "32"}, Pairs{"NUM_SHARDS", "2", "SHARD_ID", "1"}})
    EXPECT_EQ(error_of([&] { valid(pairs); }), "") << pairs[0] << " " << pairs[1];
}

TEST(Validate, TheNetworkWithoutPoolingGetsItsPresentName) {
  const struct {
    const char *arch, *present;
  } kCases[] = {{"c2d", "slow_c2d"}, {"i3d", "slow_i3d"}, {"slow", "slow"}};
  for (const auto& [arch, present] : kCases) {
    Config config = valid({"MODEL.MODEL_NAME", "ResNet_nopool", "MODEL.ARCH", arch});
    EXPECT_EQ(config.get<std::string>("MODEL.MODEL_NAME"), "ResNet");
    EXPECT_EQ(config.get<std::string>("MODEL.ARCH"), present);
    const Config once = config;
    config.validate();
    EXPECT_TRUE(config == once) << arch;
  }
}

TEST(Validate, AnArchThatTheListsForgetHasOnePathway) {
  using Names = std::vector<std::string>;
  const Names defaults = Config().get<Names>("MODEL.SINGLE_PATHWAY_ARCH");
  for (const char* const arch : {"slow_c2d", "slow_i3d"}) {
    Names expected = defaults;
    expected.push_back(arch);
    EXPECT_EQ(valid({"MODEL.ARCH", arch}).get<Names>("MODEL.SINGLE_PATHWAY_ARCH"), expected);
    const Pairs listed{"MODEL.ARCH", arch, "MODEL.MULTI_PATHWAY_ARCH", cat("['", arch, "']")};
    EXPECT_EQ(valid(listed).get<Names>("MODEL.SINGLE_PATHWAY_ARCH"), defaults);
  }
}

}  // namespace
}  // namespace sf
