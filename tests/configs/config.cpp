// Values come into a configuration by type, from files and from pairs.
#include <limits>

#include <gtest/gtest.h>

#include "tests/configs/config_of.h"

namespace sf {
namespace {

TEST(Config, AnIntegerIsTakenForANumber) {
  const Config config = config_of("SOLVER:\n  WARMUP_EPOCHS: 34\n");
  EXPECT_EQ(config.get<double>("SOLVER.WARMUP_EPOCHS"), 34);
  EXPECT_TRUE(config.warnings().empty());
  EXPECT_TRUE(config == config_of("SOLVER: {WARMUP_EPOCHS: 34.0}"));
}

TEST(Config, OtherTypesAreRefused) {
  const struct {
    const char *yaml, *error;
  } kCases[] = {
      {"NUM_GPUS: 1.5", "a.yaml:1: NUM_GPUS: wanted an integer, found 1.5"},
      {"NUM_GPUS: 1.0", "a.yaml:1: NUM_GPUS: wanted an integer, found 1.0"},
      {"NUM_GPUS: True", "a.yaml:1: NUM_GPUS: wanted an integer, found True"},
      {"NUM_GPUS: two", "a.yaml:1: NUM_GPUS: wanted an integer, found 'two'"},
      {"NUM_GPUS: 99999999999999999999", "a.yaml:1: NUM_GPUS: wanted an integer, found 1.0e+20"},
      {"\nTRAIN:\n  ENABLE: 1", "a.yaml:3: TRAIN.ENABLE: wanted a boolean, found 1"},
      {"SOLVER: {BASE_LR: True}", "a.yaml:1: SOLVER.BASE_LR: wanted a number, found True"},
      {"SOLVER: {BASE_LR: fast}", "a.yaml:1: SOLVER.BASE_LR: wanted a number, found 'fast'"},
      {"SOLVER: {STEPS: 3}", "a.yaml:1: SOLVER.STEPS: wanted a list, found 3"},
      {"OUTPUT_DIR: [a]",
       "a.yaml:1: OUTPUT_DIR: wanted a string, found ['a'] (a string of that "
       "needs two pairs of quotes: \"'...'\")"},
      {"OUTPUT_DIR: '2024'",
       "a.yaml:1: OUTPUT_DIR: wanted a string, found 2024 (a string of that "
       "needs two pairs of quotes: \"'...'\")"},
      {"RESNET: 50", "a.yaml:1: RESNET: wanted a section of keys, found 50"},
      {"RESNET:", "a.yaml:1: RESNET: wanted a section of keys, found None"},
      {"NUM_GPUS: {A: 1}", "a.yaml:1: NUM_GPUS: wanted an integer, found a section of keys"},
      {"SOLVER: {STEPS: [{A: 1}]}", "a.yaml:1: wanted values in a list, found a map"},
  };
  for (const auto& [yaml, error] : kCases) EXPECT_EQ(error_of_text(yaml), error);
  EXPECT_EQ(config_of("OUTPUT_DIR: \"'2024'\"").get<std::string>("OUTPUT_DIR"), "2024");
}

TEST(Config, NoneIsTakenForAnythingAndAnythingForNone) {
  const Config config = config_of(
      "AUG: {COLOR_JITTER: None}\nDATA:\n  PATH_PREFIX:\n"
      "SOLVER: {CLIP_GRAD_L2NORM: 1, CLIP_GRAD_VAL: [a, 2]}\n");
  EXPECT_TRUE(config.is_none("AUG.COLOR_JITTER"));
  EXPECT_TRUE(config.is_none("DATA.PATH_PREFIX"));
  EXPECT_EQ(config.get<double>("SOLVER.CLIP_GRAD_L2NORM"), 1);
  EXPECT_FALSE(config.is_none("SOLVER.CLIP_GRAD_VAL"));
  EXPECT_EQ(error_of([&] { config.get<double>("AUG.COLOR_JITTER"); }),
            "AUG.COLOR_JITTER: wanted a number, found None");
  // The type stays that of the default.
  Config later = config;
  EXPECT_EQ(error_of([&] { later.set("AUG.COLOR_JITTER", "red"); }),
            "AUG.COLOR_JITTER: wanted a number, found 'red'");
}

TEST(Config, GettersWantTheirType) {
  const Config config;
  EXPECT_EQ(error_of([&] { config.get<int>("OUTPUT_DIR"); }),
            "OUTPUT_DIR: wanted an integer, found '.'");
  EXPECT_EQ(error_of([&] { config.get<int>("SOLVER.BASE_LR"); }),
            "SOLVER.BASE_LR: wanted an integer, found 0.1");
  EXPECT_EQ(error_of([&] { config.get<std::vector<int>>("NUM_GPUS"); }),
            "NUM_GPUS: wanted a list, found 1");
  EXPECT_EQ(error_of([&] { config.get<std::vector<int>>("DATA.MEAN"); }),
            "DATA.MEAN: wanted an integer, found 0.45");
  EXPECT_EQ(error_of([&] { config.get<bool>("NUM_GPU"); }),
            "'NUM_GPU': wanted a key of the configuration, found none of this name; did you mean "
            "NUM_GPUS?");
  EXPECT_EQ(config.get<std::vector<double>>("DATA.INPUT_CHANNEL_NUM"), (std::vector<double>{3, 3}));

  Config wide;
  wide.set("RNG_SEED", "4294967296");
  EXPECT_EQ(wide.get<int64_t>("RNG_SEED"), 4294967296);
  EXPECT_EQ(error_of([&] { wide.get<int>("RNG_SEED"); }),
            "RNG_SEED: wanted an integer of 32 bits, found 4294967296");
}

TEST(Config, AnUnknownKeyIsAnsweredWithTheNearest) {
  const struct {
    const char *key, *nearest;
  } kCases[] = {{"RESNET.DEPHT", "RESNET.DEPTH"},
                {"resnet.depth", "RESNET.DEPTH"},
                {"SOLVER.BASELR", "SOLVER.BASE_LR"},
                {"BASE_LR", "SOLVER.BASE_LR"},
                {"NUM_GPU", "NUM_GPUS"},
                {"TRAINS", "TRAIN"},

                {"MVIT.REV.ENABLED", "MVIT.REV.ENABLE"},
                {"DATA.NUM_FRAME", "DATA.NUM_FRAMES"}};
  for (const auto& [key, nearest] : kCases) {
    const std::string ending = cat("'", key, "': wanted a key of the configuration, found none of ",
                                   "this name; did you mean ", nearest, "?");
    EXPECT_EQ(error_of_pairs({key, "1"}), ending);
    EXPECT_EQ(error_of_text(cat("NUM_GPUS: 1\n", key, ": 1\n")), "a.yaml:2: " + ending);
  }
  EXPECT_EQ(error_of_text("RESNET:\n  DEPHT: 50"),
            "a.yaml:2: 'RESNET.DEPHT': wanted a key of the configuration, found none of this name; "
            "did you mean RESNET.DEPTH?");
  EXPECT_EQ(error_of_pairs({"RESNET", "1"}),
            "RESNET: wanted a key of this section, found the section itself");
  EXPECT_EQ(error_of_pairs({std::string(300, 'X'), "1"}),
            cat("'", std::string(80, 'X'),
                "'...: wanted a key of the configuration, found none of this name"));
}

TEST(Config, AKeyMayBeWrittenInFull) {
  EXPECT_TRUE(config_of("TENSORBOARD.MODEL_VIS.GRAD_CAM.ENABLE: off") ==
              config_of("TENSORBOARD: {MODEL_VIS: {GRAD_CAM: {ENABLE: off}}}"));
}

TEST(Config, PairsAreDecodedAsTextsOfFilesAre) {
  Config config;
  config.merge_pairs(Pairs{"SOLVER.BASE_LR",
                           "1e-4",
                           "TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN",
                           "('backbone.',)",
                           "SOLVER.STEPS",
                           "[0, 1.5]",
                           "AUG.COLOR_JITTER",
                           "None",
                           "MODEL.DROPOUT_RATE",
                           "0",
                           "OUTPUT_DIR",
                           "my runs/a, b",
                           "TRAIN.ENABLE",
                           "False",
                           "NUM_GPUS",
                           "0",
                           "NUM_GPUS",
                           "2",
                           "DATA.PATH_PREFIX",
                           "'2024'"});
  EXPECT_EQ(config.get<double>("SOLVER.BASE_LR"), 1e-4);
  EXPECT_EQ(config.get<std::vector<std::string>>("TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN"),
            (Pairs{"backbone."}));
  EXPECT_EQ(config.get<std::vector<double>>("SOLVER.STEPS"), (std::vector<double>{0, 1.5}));
  EXPECT_TRUE(config.is_none("AUG.COLOR_JITTER"));
  EXPECT_EQ(config.get<double>("MODEL.DROPOUT_RATE"), 0);
  EXPECT_EQ(config.get<std::string>("OUTPUT_DIR"), "my runs/a, b");
  EXPECT_EQ(config.get<std::string>("DATA.PATH_PREFIX"), "2024");
  EXPECT_FALSE(config.get<bool>("TRAIN.ENABLE"));
  EXPECT_EQ(config.get<int>("NUM_GPUS"), 2);  // the later pair counts
  EXPECT_EQ(error_of_pairs({"NUM_GPUS"}),
            "'NUM_GPUS': wanted KEY VALUE pairs, found no value behind it");
}

TEST(Config, PairsMayUseTheWordsOfYaml) {
  Config config;
  config.merge_pairs(Pairs{"TRAIN.ENABLE", "no", "CONTRASTIVE.DELTA_CLIPS_MAX", "-.inf",
                           "OUTPUT_DIR", "no", "SOLVER.CLIP_GRAD_VAL", "null"});
  EXPECT_FALSE(config.get<bool>("TRAIN.ENABLE"));
  EXPECT_EQ(config.get<double>("CONTRASTIVE.DELTA_CLIPS_MAX"),
            -std::numeric_limits<double>::infinity());
  EXPECT_EQ(config.get<std::string>("OUTPUT_DIR"), "no");
  EXPECT_TRUE(config.is_none("SOLVER.CLIP_GRAD_VAL"));
  EXPECT_EQ(error_of_pairs({"NUM_GPUS", "010"}), "NUM_GPUS: wanted an integer, found '010'");
}

TEST(Config, LearningRatesGrowWithTheMachines) {
  Config config;
  config.merge_pairs(Pairs{"SOLVER.BASE_LR_SCALE_NUM_SHARDS", "True", "SOLVER.BASE_LR", "0.25",
                           "SOLVER.WARMUP_START_LR", "0.5", "SOLVER.COSINE_END_LR", "0.125",
                           "SOLVER.GAMMA", "0.5", "NUM_SHARDS", "4"});
  config.validate();
  config.validate();  // twice is as once
  EXPECT_EQ(config.get<double>("SOLVER.BASE_LR"), 1.0);
  EXPECT_EQ(config.get<double>("SOLVER.WARMUP_START_LR"), 2.0);
  EXPECT_EQ(config.get<double>("SOLVER.COSINE_END_LR"), 0.5);
  EXPECT_EQ(config.get<double>("SOLVER.GAMMA"), 0.5);
  EXPECT_EQ(config_of(config.dump()).get<double>("SOLVER.BASE_LR"), 1.0);
  config.set("NUM_SHARDS", "2");
  EXPECT_EQ(config.get<double>("SOLVER.BASE_LR"), 0.5);
  config.set("SOLVER.BASE_LR_SCALE_NUM_SHARDS", "False");
  EXPECT_EQ(config.get<double>("SOLVER.BASE_LR"), 0.25);
}

TEST(Config, CopiesAreIndependent) {
  Config a;
  Config b = a;
  b.set("NUM_GPUS", "3");
  EXPECT_EQ(a.get<int>("NUM_GPUS"), 1);
  a = b;
  EXPECT_TRUE(a == b);
  b.set("NUM_GPUS", "4");
  EXPECT_EQ(a.get<int>("NUM_GPUS"), 3);
  EXPECT_FALSE(a == b);
}

}  // namespace
}  // namespace sf
