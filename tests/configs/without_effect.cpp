// The table of keys that change nothing holds those that no source reads.
#include "configs/without_effect.h"

#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "tests/configs/config_of.h"

namespace sf {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

Lines without_effect(const Pairs& pairs) {
  Config config;
  config.merge_pairs(pairs);
  return settings_without_effect(config);
}

TEST(KeysWithoutEffect, AreNamedWhereTheyAreNotAtTheirDefaults) {
  EXPECT_EQ(without_effect({}), Lines());
  EXPECT_EQ(without_effect({"AUG.COLOR_JITTER", "0.3", "AUG.RE_SPLIT", "False",
                            "TRAIN.CHECKPOINT_IN_INIT", "True"}),
            (Lines{"TRAIN.CHECKPOINT_IN_INIT: True has no effect: weights are loaded behind the "
                   "initialisation",
                   "AUG.COLOR_JITTER: 0.3 has no effect: sets of pictures are not built in"}));
}

TEST(KeysWithoutEffect, MayHaveOneBesideOthers) {
  const std::string split =
      "BN.NUM_SPLITS: 4 has no effect: only BN.NORM_TYPE sub_batchnorm takes it";
  EXPECT_EQ(without_effect({"BN.NUM_SPLITS", "4"}), Lines{split});
  EXPECT_EQ(without_effect({"BN.NUM_SPLITS", "4", "BN.NORM_TYPE", "sub_batchnorm"}), Lines());
  EXPECT_EQ(without_effect({"SF.LABEL_SMOOTHING", "0.1"}), Lines());
  EXPECT_EQ(without_effect({"SF.LABEL_SMOOTHING", "0.1", "MODEL.LOSS_FUNC", "bce"}).size(), 1u);
  EXPECT_EQ(without_effect({"SF.LABEL_SMOOTHING", "0.1", "MIXUP.ENABLE", "True"}).size(), 1u);
  EXPECT_EQ(without_effect({"SOLVER.GAMMA", "0.5"}).size(), 1u);
  EXPECT_EQ(without_effect({"SOLVER.GAMMA", "0.5", "MULTIGRID.LONG_CYCLE", "True"}), Lines());
}

// All sources that may read a key, but for the table itself.
std::string sources() {
  std::string all;
  for (const char* folder : {"apps", "configs", "data", "layers", "models"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(SF_SOURCE_DIR) / folder))
      if (const fs::path& path = entry.path();
          path.extension() == ".cpp" && path.filename() != "without_effect.cpp")
        all += read_bytes(path);
  return all;
}

TEST(KeysWithoutEffect, AreThoseThatNoSourceReads) {
  // Sections of networks and programs that are refused as a whole, or switched on by one key.
  const std::set<std::string> kElsewhere{"AVA",      "X3D",         "MVIT",        "MASK",
                                         "VIS_MASK", "CONTRASTIVE", "TENSORBOARD", "BENCHMARK"};
  std::set<std::string> never, sometimes;
  for (const KeyWithoutEffect& key : keys_without_effect())
    EXPECT_TRUE((key.applies ? sometimes : never).emplace(key.key).second) << key.key;
  const std::string text = sources();
  for (const KeyInfo& key : Config::keys()) {
    const bool read = text.find("\"" + key.name + "\"") != std::string::npos;
    if (read) {
      EXPECT_FALSE(never.contains(key.name))
          << key.name << " is read: take it out of configs/without_effect.cpp";
    } else if (!kElsewhere.contains(key.name.substr(0, key.name.find('.')))) {
      EXPECT_TRUE(never.contains(key.name))
          << key.name << " is not read: say so in configs/without_effect.cpp";
    }
    never.erase(key.name);
    sometimes.erase(key.name);
  }
  EXPECT_EQ(never, std::set<std::string>()) << "no such keys";
  EXPECT_EQ(sometimes, std::set<std::string>()) << "no such keys";
}

}  // namespace
}  // namespace sf
