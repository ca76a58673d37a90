// What is known of plans without memory, and what is predicted of their time.
#include "autograd/plan/blueprint.h"

#include <algorithm>

#include "autograd/plan/plan.h"
#include "autograd/plan/prediction.h"
#include "autograd/rewrite/rewrite.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

constexpr Device kSimt{.backend = Backend::simt};
constexpr Peaks kPeaks{.bandwidth = 1e9, .single = 1e9, .tf32 = 4e9, .half = 1e10};

struct Rewrite {
  explicit Rewrite(DType dtype = DType::f32) : net(dtype) {
    std::vector<Value> in;
    for (const TensorType& type : net.inputs())
      in.push_back(built.input(cat("clip", in.size()), type));
    const Value y = net(in[0], in[1]);
    rewritten = rewrite_for_inference(built, std::vector{y.id()});
    out = rewritten[y];
  }
  Blueprint blueprint(const BlueprintOptions& options) const {
    return {*rewritten.graph, std::vector{out}, options};
  }
  TinySlowFast net;
  Graph built;
  Rewritten rewritten;
  Value out;
};

TEST(Blueprint, KnowsTheMemoryOfItsPlan) {
  const Rewrite net;
  for (const Device device : {Device{}, kSimt}) {
    const Blueprint blueprint = net.blueprint({.device = device});
    const Plan plan(*net.rewritten.graph, std::vector{net.out}, {.device = device});
    EXPECT_EQ(plan.arena_bytes(), blueprint.arena_bytes());
    EXPECT_EQ(plan.constant_bytes(), blueprint.constant_bytes());
    EXPECT_GT(blueprint.constant_bytes(), 0u);
  }
}

TEST(Blueprint, ShowsStreamsLaunchesAndTimeWhereKernelsAreLaunched) {
  const Rewrite net;
  const Blueprint blueprint = net.blueprint({.device = kSimt, .lanes = 2});
  const std::string text = blueprint.describe();
  EXPECT_NE(text.find(cat(blueprint.launches(), " launches; 2 streams of ")), text.npos) << text;
  const auto fast = std::ranges::count(blueprint.steps(), 1, &Blueprint::Step::lane);
  EXPECT_NE(text.find(cat(" and ", fast, " steps, 2 waits between them")), text.npos) << text;
  EXPECT_NE(text.find("predicted, not measured"), text.npos) << text;
  EXPECT_NE(text.find("H100 SXM "), text.npos) << text;
  EXPECT_EQ(net.blueprint({}).describe().find("launches"), text.npos);
}

// 1e6 values of each of a, b and the sum.
TEST(Prediction, OfASumIsItsTrafficAndItsLaunch) {
  Graph g;
  const TensorType type{{1, 1, 100, 100, 100}};
  const Value y = add(g.input("a", type), g.input("b", type));
  const Blueprint blueprint(g, std::vector{y}, {.device = kSimt});
  const Blueprint::Step& step = blueprint.steps().at(0);
  EXPECT_EQ(traffic_bytes(step), 3 * 4e6);
  EXPECT_DOUBLE_EQ(predicted_seconds(step, kPeaks), 12e6 / 1e9 + kLaunchSeconds);
  EXPECT_EQ(predicted_time(blueprint, kPeaks).in_turn, predicted_seconds(step, kPeaks));
  EXPECT_EQ(predicted_time(blueprint, kPeaks).overlapping, predicted_seconds(step, kPeaks));
}

// 1 x 1 x 1 over 64 channels: 2 x 64 x 64 operations a pixel for 2 x 64 values.
TEST(Prediction, OfAConvolutionIsItsArithmeticAtTheSpeedOfItsType) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Graph g;
    const Value x = g.input("x", {{1, 1, 8, 8, 64}, dtype});
    const Value w = g.state(Tensor::zeros({{64, 1, 1, 1, 64}, dtype}), "w", false);
    const Value y = conv3d(x, w, {});
    const Blueprint blueprint(g, std::vector{y}, {.device = kSimt});
    const double operations = 64.0 * 2 * 64 * 64;
    EXPECT_DOUBLE_EQ(predicted_seconds(blueprint.steps().at(0), kPeaks),
                     operations / (dtype == DType::f32 ? 1e9 : 1e10) + kLaunchSeconds);
  }
}

TEST(Prediction, OfAConvolutionInTf32IsFaster) {
  Graph g;
  const Value w = g.state(Tensor::zeros({{64, 1, 1, 1, 64}}), "w", false);
  const Value y = conv3d(g.input("x", {{1, 1, 8, 8, 64}}), w, {});
  const Blueprint blueprint(g, std::vector{y}, {.device = kSimt, .kernels = {.tf32 = true}});
  EXPECT_DOUBLE_EQ(predicted_seconds(blueprint.steps().at(0), kPeaks),
                   64.0 * 2 * 64 * 64 / 4e9 + kLaunchSeconds);
}

TEST(Prediction, OfWhatIsDoneInPlaceIsNothing) {
  Graph g;
  const Value x = g.input("x", {{1, 1, 2, 2, 3}});
  const Blueprint blueprint(g, std::vector{concat({sigmoid(x), swish(x)})}, {.device = kSimt});
  const Blueprint::Step& join = blueprint.steps().back();
  EXPECT_EQ(join.lowered.launches, 0);
  EXPECT_EQ(predicted_seconds(join, kPeaks), 0);
}

// Two equal chains: side by side they hide each other's launches, but share the memory.
TEST(Prediction, OfLanesIsBetweenTheLongestAndTheSum) {
  const auto chains = [](int64_t values, int lanes) {
    Graph g;
    std::vector<Value> ends;
    for (const char* pathway : {"pathway0", "pathway1"}) {
      const Graph::Scope scope(g, pathway);
      ends.push_back(sigmoid(sigmoid(g.input("x", {{values}}))));
    }
    return predicted_time(Blueprint(g, ends, {.device = kSimt, .lanes = lanes}), kPeaks);
  };
  EXPECT_EQ(chains(10'000'000, 1).overlapping, chains(10'000'000, 1).in_turn);
  const PredictedTime large = chains(10'000'000, 2);
  EXPECT_NEAR(large.overlapping, large.in_turn - 4 * kLaunchSeconds, 1e-9);
  // 8 bytes a step: launches alone, which one thread makes for both.
  const PredictedTime small = chains(1, 2);
  EXPECT_NEAR(small.overlapping, 4 * kLaunchSeconds, 1e-9);
}

}  // namespace
}  // namespace sf
