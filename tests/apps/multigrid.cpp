// The long cycle of multigrid training against the schedules of the original.
#include "apps/engine/multigrid.h"

#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

using Ints = std::vector<int64_t>;

struct Schedule {
  explicit Schedule(const Config& config)
      : stages(multigrid_stages(config)), run(with_multigrid_schedule(config, stages)) {}
  Ints ends() const {
    Ints all;
    for (const MultigridStage& s : stages) all.push_back(s.end_epoch);
    return all;
  }

  std::vector<MultigridStage> stages;
  Config run;
};

Config kinetics(std::vector<std::string> pairs = {}) {
  return Config::load(
      std::string(SF_SOURCE_DIR) + "/configs/Kinetics/SLOWFAST_8x8_R50_stepwise_multigrid.yaml",
      pairs);
}

TEST(Multigrid, KineticsScheduleIsTheOriginals) {
  const Schedule s(kinetics());
  EXPECT_EQ(s.ends(), (Ints{73, 110, 142, 158, 205, 228, 248, 259, 291, 308, 322, 329, 358}));
  EXPECT_EQ(s.run.get<Ints>("SOLVER.STEPS"),
            (Ints{0, 73, 110, 142, 158, 205, 228, 248, 259, 291, 308, 322, 329, 343}));
  const auto rates = s.run.get<std::vector<double>>("SOLVER.LRS");
  const std::vector<double> wanted{8, 4, 2, 1, .8, .4, .2, .1, .08, .04, .02, .01, .01, .001};
  ASSERT_EQ(rates.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(rates[i], wanted[i], 1e-12);
  EXPECT_EQ(s.run.get<int64_t>("SOLVER.MAX_EPOCH"), 358);
}

TEST(Multigrid, CharadesAndSomethingEndWhereTheOriginalsDo) {
  EXPECT_EQ(Schedule(kinetics({"DATA.NUM_FRAMES", "64", "SOLVER.STEPS", "[0, 41, 49]",
                               "SOLVER.MAX_EPOCH", "57"}))
                .ends(),
            (Ints{31, 47, 60, 67, 73, 76, 79, 80, 86}));
  EXPECT_EQ(Schedule(kinetics({"DATA.NUM_FRAMES", "64", "SOLVER.STEPS", "[0, 14, 18]",
                               "SOLVER.MAX_EPOCH", "22"}))
                .ends(),
            (Ints{11, 16, 21, 24, 27, 28, 30, 30, 33}));
}

// With 8 clips to a batch norm: 8, 4 and 2 splits, then none.
TEST(Multigrid, StagesChangeClipsBatchAndBatchNorm) {
  const Schedule s(kinetics());
  struct Wanted {
    int64_t frames, crop, batch, rate;
    std::string norm;
  };
  const Wanted wanted[] = {{8, 158, 512, 8, "sub_batchnorm"},
                           {16, 158, 256, 4, "sub_batchnorm"},
                           {16, 224, 128, 4, "sub_batchnorm"},
                           {32, 224, 64, 2, "batchnorm"}};
  for (int i = 0; i < 4; ++i) {
    const Config c = stage_config(s.run, s.stages[size_t(i)]);
    EXPECT_EQ(c.get<int64_t>("DATA.NUM_FRAMES"), wanted[i].frames);
    EXPECT_EQ(c.get<int64_t>("DATA.TRAIN_CROP_SIZE"), wanted[i].crop);
    EXPECT_EQ(c.get<int64_t>("TRAIN.BATCH_SIZE"), wanted[i].batch);
    EXPECT_EQ(c.get<int64_t>("MULTIGRID.LONG_CYCLE_SAMPLING_RATE"), wanted[i].rate);
    EXPECT_EQ(c.get<std::string>("BN.NORM_TYPE"), wanted[i].norm);
    if (i < 3) { EXPECT_EQ(c.get<int>("BN.NUM_SPLITS"), 8 >> i); }
  }
}

TEST(Multigrid, AShortCycleAloneStretchesTheEpochs) {
  const Config config = kinetics({"MULTIGRID.LONG_CYCLE", "False"});
  const Schedule s(config);
  EXPECT_TRUE(s.stages.empty());
  EXPECT_EQ(s.run.get<Ints>("SOLVER.STEPS"), (Ints{0, 141, 231, 294}));
  EXPECT_EQ(s.run.get<int64_t>("SOLVER.MAX_EPOCH"), 358);
}

TEST(Multigrid, WithoutItNothingChanges) {
  const Config config =
      kinetics({"MULTIGRID.LONG_CYCLE", "False", "MULTIGRID.SHORT_CYCLE", "False"});
  EXPECT_EQ(Schedule(config).run, config);
}

TEST(Multigrid, ALongCycleWantsSteps) {
  try {
    multigrid_stages(kinetics({"SOLVER.LR_POLICY", "cosine"}));
    FAIL();
  } catch (const Error& e) {
    EXPECT_TRUE(std::string(e.what()).starts_with("MULTIGRID.LONG_CYCLE: wanted")) << e.what();
  }
}

}  // namespace
}  // namespace sf
