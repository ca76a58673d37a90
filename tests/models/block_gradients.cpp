// Gradients through each block of the networks alone, and through each loss that a configuration
// can ask for, against central differences in double precision.
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>

#include "autograd/gradients.h"
#include "autograd/rewrite/rewrite.h"
#include "layers/head.h"
#include "models/loss.h"
#include "tests/autograd/network.h"
#include "tests/configs/config_of.h"

namespace sf {
namespace {

using Apply = std::function<Value(const std::vector<Value>&)>;
using Make = std::function<Apply(Module& root)>;

struct Block {
  std::string name;
  std::vector<Shape> inputs;
  Make make;  // makes the layers and gives their function of the inputs
  int batch_norm_splits = 1;
  bool frozen_batch_norm = false;
};

void PrintTo(const Block& b, std::ostream* out) { *out << b.name; }

template <class Layer>
Make layer(const typename Layer::Options& options) {
  return [options](Module& root) -> Apply {
    auto made = std::make_shared<Layer>(root, "block", options);
    return [made](const std::vector<Value>& x) {
      if constexpr (std::is_invocable_v<Layer, Value, Value>)
        return (*made)(x[0], x[1]);
      else if constexpr (std::is_invocable_v<Layer, const std::vector<Value>&>)
        return (*made)(x);
      else
        return (*made)(x[0]);
    };
  };
}

struct Residual : ResidualBlock {
  using Options = ResidualOptions;
  using ResidualBlock::ResidualBlock;
};

Make loss(const std::string& yaml, const Tensor& targets) {
  const Config config = config_of(yaml);
  return [config, targets](Module&) -> Apply {
    return [config, targets](const std::vector<Value>& x) {
      return training_loss(config, x[0], x[0].graph().state(targets, "targets", false));
    };
  };
}

const Shape kLogits{4, 5};

Tensor labels() { return Tensor::from<int64_t>({2, 0, -100, 4}, {4}); }  // the third counts not
Tensor shares() { return random_tensor("shares", {kLogits, DType::f64}, 0, 1); }

const std::vector<Block>& blocks() {
  const Shape eight{2, 4, 4, 4, 8};  // of channels
  static const std::vector<Block> kBlocks{
      {"stem", {{2, 2, 12, 12, 3}}, layer<ResNetStem>({.in = 3, .out = 4, .temporal_kernel = 1})},
      {"stem_over_time",
       {{1, 6, 12, 12, 3}},
       layer<ResNetStem>({.in = 3, .out = 4, .temporal_kernel = 5})},
      {"bottleneck",
       {eight},
       layer<Residual>({.in = 8, .out = 8, .inner = 4, .temporal_kernel = 3})},
      {"bottleneck_with_projection",
       {eight},
       layer<Residual>({.in = 8, .out = 12, .inner = 4, .stride = 2})},
      {"bottleneck_with_first_stride",
       {eight},
       layer<Residual>({.in = 8, .out = 12, .inner = 4, .stride = 2, .stride_1x1 = true})},
      {"bottleneck_dilated_in_groups",
       {eight},
       layer<Residual>({.in = 8, .out = 8, .inner = 4, .dilation = 2, .groups = 2})},
      {"bottleneck_with_drop_connect",
       {{4, 2, 4, 4, 8}},
       layer<Residual>({.in = 8, .out = 8, .inner = 4, .drop_connect = 0.5})},
      {"bottleneck_with_sub_batch_norm",
       {{4, 2, 4, 4, 8}},
       layer<Residual>({.in = 8, .out = 12, .inner = 4}),
       /*batch_norm_splits=*/2},
      {"bottleneck_with_frozen_batch_norm",
       {eight},
       layer<Residual>({.in = 8, .out = 12, .inner = 4}),
       /*batch_norm_splits=*/1,
       /*frozen_batch_norm=*/true},
      {"basic",
       {eight},
       layer<Residual>({.transform = "basic_transform", .in = 8, .out = 8, .temporal_kernel = 3})},
      {"basic_with_projection",
       {eight},
       layer<Residual>({.transform = "basic_transform", .in = 8, .out = 12, .stride = 2})},
      {"non_local_softmax", {eight}, layer<NonLocal>({.channels = 8, .instantiation = "softmax"})},
      {"non_local_softmax_pooled",
       {eight},
       layer<NonLocal>({.channels = 8, .pool = {1, 2, 2}, .instantiation = "softmax"})},
      {"non_local_dot_product",
       {eight},
       layer<NonLocal>({.channels = 8, .instantiation = "dot_product"})},
      {"non_local_dot_product_pooled",
       {eight},
       layer<NonLocal>({.channels = 8, .pool = {1, 2, 2}, .instantiation = "dot_product"})},
      {"non_local_in_groups",
       {eight},
       layer<NonLocal>({.channels = 8, .groups = 2, .instantiation = "softmax"})},
      {"lateral_fusion",
       {{2, 2, 3, 3, 8}, {2, 8, 3, 3, 4}},
       layer<FuseFastToSlow>({.fast_channels = 4, .channel_ratio = 2, .kernel = 5, .alpha = 4})},
      {"head",
       {{2, 2, 3, 3, 8}, {2, 8, 3, 3, 4}},
       layer<ClassificationHead>(
           {.channels = {8, 4}, .pool = {{2, 3, 3}, {8, 3, 3}}, .classes = 5})},
      {"head_over_several_positions",
       {{2, 2, 4, 3, 8}},
       layer<ClassificationHead>({.channels = {8}, .pool = {{2, 3, 3}}, .classes = 5})},
      {"head_over_all_positions_with_dropout",
       {{2, 2, 3, 3, 8}},
       layer<ClassificationHead>(
           {.channels = {8}, .pool = {{0, 0, 0}}, .classes = 5, .dropout = 0.5})},
      {"cross_entropy", {kLogits}, loss("MODEL: {LOSS_FUNC: cross_entropy}", labels())},
      {"label_smoothing", {kLogits}, loss("SF: {LABEL_SMOOTHING: 0.1}", labels())},
      {"class_weights", {kLogits}, loss("SF: {CLASS_WEIGHTS: [1, 2, 0.5, 1, 3]}", labels())},
      {"label_smoothing_with_class_weights",
       {kLogits},
       loss("SF: {LABEL_SMOOTHING: 0.1, CLASS_WEIGHTS: [1, 2, 0.5, 1, 3]}", labels())},
      {"soft_cross_entropy", {kLogits}, loss("MODEL: {LOSS_FUNC: soft_cross_entropy}", shares())},
      {"bce", {kLogits}, loss("MODEL: {LOSS_FUNC: bce}", shares())},
      {"bce_logit", {kLogits}, loss("MODEL: {LOSS_FUNC: bce_logit}", shares())},
  };
  return kBlocks;
}

// The block as training runs it, its inputs and trainable parameters `by` which there are
// gradients, and the sum of its result weighted with random numbers.
struct Differentiated {
  explicit Differentiated(const Block& b) : root(DType::f64, b.batch_norm_splits) {
    const Apply apply = b.make(root);
    randomise(root);
    const auto number = [](int64_t n) { return Tensor::from(std::vector{n}, {1}); };
    Graph built(TrainingRules{
        .frozen_batch_norm = b.frozen_batch_norm, .seed = number(1), .step = number(2)});
    std::vector<Value> inputs;
    for (size_t i = 0; i < b.inputs.size(); ++i) {
      by.emplace_back(cat("input ", i),
                      random_tensor(cat(b.name, i), {b.inputs[i], DType::f64}, -1, 1));
      inputs.push_back(built.state(by.back().second, by.back().first, true));
    }
    for (const Parameter& p : root.parameters())
      if (p.trainable) by.emplace_back(p.name, p.tensor);

    const Value built_result = apply(inputs);
    rewritten = rewrite_for_training(built, std::vector{built_result.id()});
    result = rewritten[built_result];
    Graph& graph = *rewritten.graph;
    weights = random_tensor(b.name + " weights", result.type(), -1, 1);
    std::vector<Value> wrt;
    for (const auto& [name, tensor] : by) wrt.push_back(graph.state(tensor, name, true));
    forward.emplace(graph, std::vector{result});
    gradient_values = gradients(result, wrt, graph.state(weights, "seed", true));
  }

  std::vector<Tensor> gradient_tensors() {
    Plan backward(*rewritten.graph, gradient_values);
    backward.run();
    std::vector<Tensor> found;
    for (const Value& g : gradient_values) found.push_back(backward.fetch(g));
    return found;
  }

  double weighted_sum() {
    forward->run();
    const Tensor y = forward->fetch(result);
    const auto a = y.span<double>(), b = weights.span<double>();
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }

  // The central difference over x - step .. x + step.
  double slope(double& x, double step) {
    const double at = x;
    x = at + step;
    const double above = weighted_sum();
    x = at - step;
    const double below = weighted_sum();
    x = at;
    return (above - below) / (2 * step);
  }

  Module root;
  std::vector<std::pair<std::string, Tensor>> by;
  Rewritten rewritten;
  Value result;
  Tensor weights;
  std::optional<Plan> forward;
  std::vector<Value> gradient_values;
};

double largest(const Tensor& t) {
  double size = 0;
  for (double v : t.span<double>()) size = std::max(size, std::abs(v));
  return size;
}

class BlockGradients : public testing::TestWithParam<Block> {};

// The error of a central difference with step h is h^2 / 6 of the third derivative and eps / h of
// the sum: with h = 1e-5 both lie below 1e-8. Where a ReLU or a maximum has its kink within the
// step, the differences over h and h / 2 are not those of one line; such elements do not count.
TEST_P(BlockGradients, AreThoseOfCentralDifferences) {
  Differentiated d(GetParam());
  const std::vector<Tensor> found = d.gradient_tensors();
  double size = 0;
  for (const Tensor& g : found) size = std::max(size, largest(g));
  EXPECT_GT(size, 0);

  constexpr double kStep = 1e-5, kTolerance = 1e-6;
  int checked = 0, kinks = 0;
  for (size_t i = 0; i < d.by.size(); ++i) {
    // Gradients that vanish, as of a bias before a batch norm, have no size of their own.
    const double bound = kTolerance * std::max(largest(found[i]), 1e-2 * size);
    const auto x = d.by[i].second.span<double>();
    for (size_t e = i % 3; e < x.size(); e += 1 + x.size() / 40) {
      const double wide = d.slope(x[e], kStep), narrow = d.slope(x[e], kStep / 2);
      if (std::abs(wide - narrow) > bound) {
        ++kinks;
        continue;
      }
      ++checked;
      EXPECT_NEAR(found[i].span<double>()[e], narrow, bound) << d.by[i].first << ", element " << e;
    }
  }
  EXPECT_GE(checked, 20);
  EXPECT_LE(kinks * 10, checked);
}

INSTANTIATE_TEST_SUITE_P(Blocks, BlockGradients, testing::ValuesIn(blocks()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sf
