// Gradients through whole layers in training mode against central differences in double precision.
#include <cmath>

#include "autograd/gradients.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/rewrite/rewrite.h"
#include "layers/head.h"
#include "network.h"

namespace sf {
namespace {

// Two stems, a lateral connection, bottlenecks with and without projection, a non-local block, and
// a head with its loss.
struct Classifier : Module {
  Classifier() : Module(DType::f64) {
    randomise(*this);
    // Of the size that a head starts with, so that the loss is not one of a single class.
    for (const Parameter& p : parameters())
      if (p.name == "head.projection.weight")
        for (double& w : p.tensor.span<double>()) w *= 0.1;
  }

  Value loss(Value slow, Value fast, Value labels) const {
    const Value s = fuse(slow_stem(slow), fast_stem(fast));
    return cross_entropy(head({stage(s)}), labels);
  }

  // The first block with a projection, the second without.
  static ResidualStage::Options options() {
    ResidualStage::Options o = TinySlowFast::slow_options();
    o.block.out = 32;
    return o;
  }

  ResNetStem slow_stem{*this, "slow_stem", {.in = 3, .out = 8, .temporal_kernel = 1}};
  ResNetStem fast_stem{*this, "fast_stem", {.in = 3, .out = 4, .temporal_kernel = 3}};
  FuseFastToSlow fuse{
      *this, "fuse", {.fast_channels = 4, .channel_ratio = 2, .kernel = 5, .alpha = 4}};
  ResidualStage stage{*this, 0, options()};
  ClassificationHead head{*this, "head", {.channels = {32}, .pool = {{0, 0, 0}}, .classes = 5}};
};

TEST(BlockGradients, AreThoseOfCentralDifferences) {
  const Classifier net;
  const auto number = [](int64_t n) { return Tensor::from(std::vector{n}, {1}); };
  Graph built(TrainingRules{.seed = number(1), .step = number(2)});
  const TensorType slow_type{{2, 2, 16, 16, 3}, DType::f64},
      fast_type{{2, 8, 16, 16, 3}, DType::f64};
  const Tensor slow = random_tensor("slow", slow_type, -1, 1),
               fast = random_tensor("fast", fast_type, -1, 1);
  const Value built_loss =
      net.loss(built.state(slow, "slow", true), built.state(fast, "fast", true),
               built.state(Tensor::from<int64_t>({1, 3}, {2}), "labels", false));
  const Rewritten rewritten = rewrite_for_training(built, std::vector{built_loss.id()});
  Graph& graph = *rewritten.graph;
  const Value loss = rewritten[built_loss];

  std::vector<std::pair<std::string, Tensor>> by{{"slow", slow}, {"fast", fast}};
  for (const Parameter& p : net.parameters())
    if (p.trainable) by.emplace_back(p.name, p.tensor);
  std::vector<Value> wrt;
  for (const auto& [name, tensor] : by) wrt.push_back(graph.state(tensor, name, true));
  Plan forward(graph, std::vector{loss});
  const auto grads = gradients(loss, wrt);
  Plan backward(graph, grads);
  backward.run();

  const auto value = [&] {
    forward.run();
    return forward.fetch(loss).span<double>()[0];
  };
  double largest = 0;  // of all gradients: those that vanish, such as of a bias before a batch
                       // norm, have no size of their own
  std::vector<Tensor> found;
  for (const Value& g : grads) {
    found.push_back(backward.fetch(g));
    for (double v : found.back().span<double>()) largest = std::max(largest, std::abs(v));
  }
  constexpr double kStep = 1e-6;  // small, so that few differences reach across a kink
  int checked = 0;
  for (size_t i = 0; i < by.size(); ++i) {
    const auto x = by[i].second.span<double>();
    for (size_t e = i % 3; e < x.size(); e += 1 + x.size() / 3, ++checked) {
      const double at = x[e];
      x[e] = at + kStep;
      const double above = value();
      x[e] = at - kStep;
      const double below = value();
      x[e] = at;
      EXPECT_NEAR(found[i].span<double>()[e], (above - below) / (2 * kStep), 1e-6 * largest)
          << by[i].first << ", element " << e;
    }
  }
  EXPECT_GT(checked, 100);
}

}  // namespace
}  // namespace sf
