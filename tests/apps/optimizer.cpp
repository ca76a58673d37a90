// What learns, and how.
#include "apps/engine/optimizer.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "apps/engine/precise_batch_norm.h"
#include "autograd/plan/plan.h"
#include "autograd/rewrite/rewrite.h"
#include "kernels/base/counter_rng.h"
#include "kernels/simt/counters.h"
#include "layers/conv.h"

namespace sf {
namespace {

Config slowfast(std::vector<std::string> pairs = {}) {
  return Config::load(std::string(SF_SOURCE_DIR) + "/configs/Kinetics/SLOWFAST_8x8_R50.yaml",
                      pairs);
}

size_t count(const std::vector<ParameterGroup>& groups, const std::string& name) {
  size_t n = 0;
  for (const ParameterGroup& g : groups)
    if (g.name == name) n += g.parameters.size();
  return n;
}

// As the original prints them for this network.
TEST(ParameterGroups, AreTheOriginals) {
  const Config config = slowfast();
  const auto groups = parameter_groups(*make_model(config), config);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(count(groups, "bn"), 220u);
  EXPECT_EQ(count(groups, "non_bn"), 112u);
  EXPECT_EQ(groups[0].weight_decay, 0);
  EXPECT_EQ(groups[1].weight_decay, 1e-4);
}

TEST(ParameterGroups, VectorsMayGoWithoutWeightDecay) {
  const Config config = slowfast({"SOLVER.ZERO_WD_1D_PARAM", "True"});
  const auto groups = parameter_groups(*make_model(config), config);
  EXPECT_EQ(count(groups, "zero"), 1u);  // the bias of the head
  EXPECT_EQ(count(groups, "non_bn"), 111u);
}

TEST(ParameterGroups, OnlyTheLastLayerLearnsWhereItIsDetached) {
  const Config config = slowfast({"MODEL.DETACH_FINAL_FC", "True"});
  const auto groups = parameter_groups(*make_model(config), config);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].parameters.size(), 2u);
}

TEST(ParameterGroups, LayersDecayFromTheHead) {
  const Config config = slowfast({"SOLVER.LAYER_DECAY", "0.5"});
  for (const ParameterGroup& g : parameter_groups(*make_model(config), config)) {
    const int layer = g.name.back() - '0';
    EXPECT_EQ(g.rate_scale, std::pow(0.5, 6 - layer)) << g.name;
    for (const Parameter& p : g.parameters)
      EXPECT_TRUE(p.name.starts_with(layer == 6 ? "head." : cat("s", layer))) << p.name;
  }
}

TEST(ParameterGroups, AnEntryThatMatchesNothingIsAnError) {
  const Config config = slowfast({"SF.FREEZE", "['s9']"});
  EXPECT_THROW(parameter_groups(*make_model(config), config), Error);
}

// Two steps of a narrow network's optimiser on made-up gradients.
struct Steps {
  Steps(const std::string& method, Device device) {
    const Config config =
        slowfast({"RESNET.WIDTH_PER_GROUP", "8", "SOLVER.OPTIMIZING_METHOD", method});
    const auto model = make_model(config);
    model->initialise(1);
    Optimizer optimizer(*model, config);
    optimizer.set_learning_rate(0.1);
    parameters = optimizer.parameters();

    Graph graph(TrainingRules{});
    std::vector<Tensor> tensors;
    std::vector<Value> gradients;
    for (const Parameter& p : parameters) {
      tensors.push_back(Tensor::zeros(p.tensor.type()));
      for (size_t i = 0; float& g : tensors.back().span<float>())
        g = CounterRng(p.name).uniform(i++, -1, 1);
      gradients.push_back(graph.state(tensors.back(), p.name + ".grad", true));
    }
    const Value norm = optimizer.append(graph, gradients);
    Plan plan(graph, std::vector{norm}, {.device = device});
    for (const int step : {1, 2}) {
      optimizer.set_step(step);
      const simt::Counters counters;
      plan.run();
      launches = counters.total().launches;
    }
  }

  std::vector<Parameter> parameters;
  int64_t launches = 0;  // of one step
};

// Squares of up to 96 gradients in two launches, the norm of all, and steps of up to 96 parameters
// of one group: of 332 gradients, 220 and 112 of a group, 4 * 2 + 1 + 3 + 2.
TEST(Optimizer, AStepOfAllParametersIsAFewLaunches) {
  for (const char* method : {"sgd", "adamw"}) {
    const Steps wanted(method, {}), found(method, {.backend = Backend::simt});
    EXPECT_EQ(found.launches, 14) << method;
    ASSERT_EQ(found.parameters.size(), 332U);
    for (size_t i = 0; i < 332; ++i) {
      const auto f = found.parameters[i].tensor.span<float>(),
                 w = wanted.parameters[i].tensor.span<float>();
      ASSERT_TRUE(std::ranges::equal(f, w)) << method << " " << found.parameters[i].name;
    }
  }
}

// One batch norm on an input of one channel.
class Norm : public Model {
 public:
  explicit Norm(int splits) : Model(DType::f64, splits), norm_(*this, "bn", 1) {}
  std::vector<TensorType> inputs(int64_t batch, ClipSize size) const override {
    return {{{batch, 1, size.height, size.width, 1}, dtype()}};
  }
  Value forward(const std::vector<Value>& clips) const override { return norm_(clips[0]); }
  double value(const std::string& name, size_t i = 0) const {
    for (const Parameter& p : parameters())
      if (p.name == name) return p.tensor.span<double>()[i];
    return std::nan("");
  }

 private:
  BatchNorm norm_;
};

Tensor clips(const std::vector<double>& values) {
  return Tensor::from(values, {int64_t(values.size()), 1, 1, 1, 1});
}

// Batches of 1 3 and of 5 5 5 7: means 2 and 5.5, mean squares 5 and 31, weighted 2 to 4.
TEST(PreciseBatchNorm, GivesTheStatisticsOfAllBatches) {
  const Norm model(1);
  model.initialise(1);
  const std::vector<std::vector<Tensor>> batches{{clips({1, 3})}, {clips({5, 5, 5, 7})}, {}};
  size_t next = 0;
  measure_batch_norm(model, 2, {}, {},
                     [&]() -> std::optional<std::vector<Tensor>> { return batches[next++]; });
  const double mean = (2 * 2 + 4 * 5.5) / 6, square = (2 * 5 + 4 * 31.0) / 6;
  EXPECT_NEAR(model.value("bn.running_mean"), mean, 1e-14);
  EXPECT_NEAR(model.value("bn.running_var"), square - mean * mean, 1e-13);
}

// Splits of clips 0, 2 and of 1, 3: each with its own moments, aggregated for what comes after.
TEST(SubBatchNorm, AggregatesItsSplits) {
  const Norm model(2);
  model.initialise(1);
  measure_batch_norm(model, 1, {}, {}, [] { return std::vector{clips({1, 10, 3, 14})}; });
  EXPECT_EQ(model.value("bn.split_bn.running_mean", 0), 2);
  EXPECT_EQ(model.value("bn.split_bn.running_mean", 1), 12);
  EXPECT_EQ(model.value("bn.running_mean"), 7);
  EXPECT_EQ(model.value("bn.running_var"), (1 + 4) / 2.0 + 25);
  spread_batch_norm_splits(model);
  EXPECT_EQ(model.value("bn.split_bn.running_mean", 1), 7);
}

}  // namespace
}  // namespace sf
