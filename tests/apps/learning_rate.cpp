#include "apps/engine/learning_rate.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/apps/golden.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

Config with(const std::vector<std::string>& settings) {
  Config config;
  config.merge_pairs(settings);
  return config;
}

TEST(LearningRate, IsThatOfTheOriginalInEveryRow) {
  std::ifstream file(golden_dir() / "data" / "lr_schedules.json");
  const auto schedules = nlohmann::json::parse(file);
  ASSERT_EQ(schedules.size(), 7u);
  for (const auto& [name, schedule] : schedules.items()) {
    const LearningRate rate(with(schedule["settings"].get<std::vector<std::string>>()));
    const double apart = schedule["epochs_apart"].get<double>();
    size_t row = 0;
    for (const auto& wanted : schedule["lr"]) {
      const double epoch = apart * double(row++);
      EXPECT_NEAR(rate.at(epoch), wanted.get<double>(), 1e-9) << name << ", epoch " << epoch;
    }
    EXPECT_GE(row, 80u) << name;
  }
}

TEST(LearningRate, TheConfigurationsOfTheProjectAreTheOriginals) {
  const std::filesystem::path configs = std::filesystem::path(SF_SOURCE_DIR) / "configs";
  const auto at = [&](const char* file, double epoch) {
    return LearningRate(Config::load(configs / file, {})).at(epoch);
  };
  EXPECT_NEAR(at("Kinetics/SLOWFAST_8x8_R50.yaml", 34), 0.09275714, 1e-8);
  EXPECT_NEAR(at("Kinetics/SLOWFAST_8x8_R50_stepwise.yaml", 33), 0.09735294, 1e-8);
  EXPECT_NEAR(at("Kinetics/SLOWFAST_8x8_R50_stepwise.yaml", 239), 1e-4, 1e-15);
  EXPECT_NEAR(at("AVA/SLOWFAST_32x2_R50_SHORT.yaml", 2.5), 0.0500625, 1e-15);
}

TEST(LearningRate, NumbersOfMachinesScaleEveryRate) {
  const std::vector<std::string> settings{"SOLVER.COSINE_END_LR",
                                          "0.001",
                                          "SOLVER.WARMUP_EPOCHS",
                                          "3.0",
                                          "SOLVER.MAX_EPOCH",
                                          "11",
                                          "SOLVER.BASE_LR_SCALE_NUM_SHARDS",
                                          "True"};
  Config one = with(settings), three = with(settings);
  three.set("NUM_SHARDS", "3");
  for (const double epoch : {0.0, 1.5, 3.0, 7.25, 11.0})
    EXPECT_NEAR(LearningRate(three).at(epoch), 3 * LearningRate(one).at(epoch), 1e-15);
}

TEST(LearningRate, ACosineAfterTheWarmUpBeginsAtTheBaseRate) {
  for (const char* epochs : {"3", "5", "17"}) {  // none, less or more than the warm-up takes
    const LearningRate rate(with({"SOLVER.WARMUP_EPOCHS", "5.0", "SOLVER.COSINE_AFTER_WARMUP",
                                  "True", "SOLVER.MAX_EPOCH", epochs}));
    EXPECT_DOUBLE_EQ(rate.at(0), 0.01);
    EXPECT_DOUBLE_EQ(rate.at(2.5), 0.055);
    EXPECT_DOUBLE_EQ(rate.at(5), 0.1);
  }
}

TEST(LearningRate, SettingsThatDoNotFitAreOneLine) {
  const auto error = [](const std::vector<std::string>& settings) {
    return error_of([&] { LearningRate rate(with(settings)); });
  };
  const auto steps = [&](const char* epochs, const char* rates) {
    return error({"SOLVER.LR_POLICY", "steps_with_relative_lrs", "SOLVER.STEPS", epochs,
                  "SOLVER.LRS", rates});
  };
  EXPECT_EQ(error({"SOLVER.LR_POLICY", "linear"}),
            "SOLVER.LR_POLICY: wanted cosine or steps_with_relative_lrs, found 'linear'");
  EXPECT_EQ(error({"SOLVER.COSINE_END_LR", "0.1"}),
            "SOLVER.COSINE_END_LR: wanted less than BASE_LR 0.1, found 0.1");
  EXPECT_EQ(error({"SOLVER.WARMUP_EPOCHS", "-1.0"}),
            "SOLVER.WARMUP_EPOCHS: wanted 0 or more epochs, found -1");
  EXPECT_EQ(steps("[0, 5, 9]", "[1, 0.1]"),
            "SOLVER.LRS: wanted a rate for each of the 3 SOLVER.STEPS, found 2");
  EXPECT_EQ(steps("[]", "[1]"), "SOLVER.STEPS: wanted ascending epochs from 0 on, found []");
  EXPECT_EQ(steps("[2, 5]", "[1, 0.1]"),
            "SOLVER.STEPS: wanted ascending epochs from 0 on, found [2, 5]");
  EXPECT_EQ(steps("[0, 5, 3]", "[1, 0.1, 0.1]"),
            "SOLVER.STEPS: wanted ascending epochs from 0 on, found [0, 5, 3]");
}

}  // namespace
}  // namespace sf
