// Evaluations during a training.
#include "apps/engine/validation.h"

#include <set>

#include "models/weights.h"
#include "tests/apps/training.h"

namespace sf {
namespace {

using ValidationOfVideos = TrainingCommand;

// Weights from wide ranges, so that the best classes differ from video to video and from seed to
// seed.
void randomise(const Model& model, int64_t seed) {
  for (const Parameter& p : model.parameters()) {
    const bool positive = p.name.ends_with("running_var") || (p.norm && p.name.ends_with("weight"));
    const auto values = counter_uniform(cat(seed, p.name), p.tensor.numel(), positive ? 0.5f : -1,
                                        positive ? 2 : 1);
    p.tensor.copy_from(Tensor::from(values, p.tensor.shape()));
  }
}

TEST_F(ValidationOfVideos, KeptOverEvaluationsGivesWhatANewOneGives) {
  make_set(40);
  const std::vector<std::string> pairs{
      "DATA.PATH_TO_DATA_DIR",    set.string(), "OUTPUT_DIR",           folder.string(),
      "TRAIN.BATCH_SIZE",         "4",          "DATA.NUM_FRAMES",      "4",
      "SLOWFAST.ALPHA",           "2",          "DATA.TRAIN_CROP_SIZE", "32",
      "DATA.TRAIN_JITTER_SCALES", "[32,40]"};
  Config config =
      Config::load(std::string(SF_SOURCE_DIR) + "/configs/synthetic/SLOWFAST_TINY.yaml", pairs);
  config.set("SF.DEVICE", "cpu");
  const auto model = make_model(config);
  const auto dataset = make_dataset(config.get<std::string>("TRAIN.DATASET"), Split::val, config);
  const auto memory = std::make_shared<ArenaMemory>();
  TrainingHistory history;
  Validation kept(config, *model, *dataset, memory);
  std::set<std::pair<double, double>> all;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    randomise(*model, epoch);
    Validation fresh(config, *model, *dataset, nullptr);
    const TopErrors found = kept.run(epoch, history), wanted = fresh.run(epoch, history);
    EXPECT_EQ(found.top1, wanted.top1) << "epoch " << epoch;
    EXPECT_EQ(found.top5, wanted.top5) << "epoch " << epoch;
    all.emplace(found.top1, found.top5);
  }
  EXPECT_GT(all.size(), 1u);  // other weights show
}

}  // namespace
}  // namespace sf
