// Gradients of every operation and of whole layers against central differences in double precision.
#include "autograd/gradients.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <set>

#include "autograd/ops/adaptive_pool3d.h"
#include "autograd/ops/batch_norm_training.h"
#include "autograd/ops/binary_cross_entropy.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/pool3d.h"
#include "autograd/ops/reshape.h"
#include "autograd/ops/roi_align.h"
#include "autograd/ops/softmax.h"
#include "autograd/rewrite/rewrite.h"
#include "dist/single_process.h"
#include "network.h"

namespace sf {
namespace {

using Values = std::vector<Value>;

struct GradientCase {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Value(const Values&)> function;
};

void PrintTo(const GradientCase& c, std::ostream* out) { *out << c.name; }

TensorType f64(const Shape& shape) { return {shape, DType::f64}; }

// The case as a graph: its function of inputs, and the gradient by each of them of the sum of the
// result weighted with `seed`.
struct Differentiated {
  explicit Differentiated(const GradientCase& c, bool rewritten = false) {
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      inputs.push_back(graph->input(cat("x", i), f64(c.inputs[i])));
      values.push_back(random_tensor(cat(c.name, i), f64(c.inputs[i]), -1, 1));
    }
    y = c.function(inputs);
    if (rewritten) {
      Rewritten r = rewrite_for_training(*graph, std::vector{y.id()});
      for (Value& x : inputs) x = r[x];
      y = r[y];
      graph = std::move(r.graph);
    }
    seed = graph->input("seed", y.type());
    weights = random_tensor(c.name + " weights", y.type(), -1, 1);
    grads = gradients(y, inputs, seed);
  }

  double weighted_sum() const {
    Plan& plan = forward();
    for (size_t i = 0; i < inputs.size(); ++i) plan.feed(inputs[i], values[i]);
    plan.run();
    const Tensor result = plan.fetch(y);
    double sum = 0;
    for (int64_t i = 0; i < result.numel(); ++i)
      sum += result.span<double>()[size_t(i)] * weights.span<double>()[size_t(i)];
    return sum;
  }

  Plan& forward() const {
    if (!plan_) plan_ = std::make_unique<Plan>(*graph, std::vector{y});
    return *plan_;
  }

  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  Values inputs, grads;
  std::vector<Tensor> values;
  Value y, seed;
  Tensor weights;
  mutable std::unique_ptr<Plan> plan_;
};

Value batch_norm_of(const Values& v, const BatchNormTraining& training) {
  Graph& graph = v[0].graph();
  const int64_t c = training.splits * v[0].shape().channels();
  return batch_norm_training(
      v[0],
      {.gamma = v[1],
       .beta = v[2],
       .mean = graph.state(Tensor::zeros(f64({c})), "running_mean", false),
       .variance = graph.state(Tensor::zeros(f64({c})), "running_var", false)},
      training);
}

Value shares(Value like) {
  const Tensor targets = random_tensor("shares", like.type(), 0, 1);
  return like.graph().state(targets, "targets", false);
}

RandomState random_numbers(Graph& graph) {
  const auto number = [&](int64_t n, const char* name) {
    return graph.state(Tensor::from(std::vector{n}, {1}), name, false);
  };
  return {number(7, "seed"), number(3, "step")};
}

Value labels(Graph& graph) {
  return graph.state(Tensor::from<int64_t>({2, 0, -100, 4}, {4}), "labels", false);
}

// Two within the picture, one across its borders and one of no picture.
Value boxes(Graph& graph) {
  const std::vector<double> rows{1, 4.5, 3,   21.2, 17.1, 0,  2, 1, 9.3, 22,
                                 0, -3,  9.7, 30,   26,   -1, 0, 0, 8,   8};
  return graph.state(Tensor::from(rows, {4, 5}), "boxes", false);
}

const std::vector<GradientCase>& cases() {
  static const std::vector<GradientCase> kCases{
      {"conv3d",
       {{2, 3, 5, 4, 3}, {4, 3, 3, 2, 3}, {4}},
       [](const Values& v) {
         return conv3d(v[0], v[1], {.stride = {1, 2, 1}, .pad = {1, 1, 0}}, v[2]);
       }},
      {"conv3d_groups_dilated",
       {{1, 4, 5, 5, 4}, {6, 2, 3, 3, 2}},
       [](const Values& v) {
         return conv3d(v[0], v[1],
                       {.stride = {2, 1, 1}, .pad = {0, 2, 1}, .dilation = {1, 2, 1}, .groups = 2});
       }},
      {"linear",
       {{2, 3, 5}, {4, 5}, {4}},
       [](const Values& v) { return linear(v[0], v[1], v[2]); }},
      {"matmul",
       {{2, 3, 4}, {2, 4, 5}},
       [](const Values& v) { return matmul(v[0], v[1], {.alpha = 0.5}); }},
      {"matmul_transpose_a",
       {{2, 4, 3}, {2, 4, 5}},
       [](const Values& v) { return matmul(v[0], v[1], {.transpose_a = true}); }},
      {"matmul_transpose_b",
       {{2, 3, 4}, {2, 5, 4}},
       [](const Values& v) { return matmul(v[0], v[1], {.transpose_b = true, .alpha = 2}); }},
      {"matmul_transpose_both",
       {{2, 4, 3}, {2, 5, 4}},
       [](const Values& v) {
         return matmul(v[0], v[1], {.transpose_a = true, .transpose_b = true});
       }},
      {"relu", {{3, 7}}, [](const Values& v) { return relu(v[0]); }},
      {"sigmoid", {{3, 7}}, [](const Values& v) { return sigmoid(v[0]); }},
      {"swish", {{3, 7}}, [](const Values& v) { return swish(v[0]); }},
      {"add", {{3, 7}, {3, 7}}, [](const Values& v) { return add(v[0], v[1]); }},
      {"multiply", {{3, 7}, {3, 7}}, [](const Values& v) { return multiply(v[0], v[1]); }},
      {"multiply_per_channel",
       {{2, 3, 2, 2, 4}, {2, 1, 1, 1, 4}},
       [](const Values& v) { return multiply(v[0], v[1]); }},
      {"used_twice", {{3, 7}}, [](const Values& v) { return multiply(v[0], add(v[0], v[0])); }},
      {"softmax", {{3, 7}}, [](const Values& v) { return softmax(v[0]); }},
      {"max_pool3d",
       {{2, 3, 6, 5, 3}},
       [](const Values& v) {
         return max_pool3d(v[0], {.kernel = {1, 3, 3}, .stride = {1, 2, 2}, .pad = {0, 1, 1}});
       }},
      {"avg_pool3d",
       {{2, 4, 6, 5, 3}},
       [](const Values& v) {
         return avg_pool3d(v[0], {.kernel = {2, 3, 2}, .stride = {2, 2, 1}, .pad = {0, 1, 1}});
       }},
      {"adaptive_avg_pool3d",
       {{2, 3, 5, 4, 3}},
       [](const Values& v) {
         return adaptive_avg_pool3d(v[0], {1, 2, 3});
       }},
      {"roi_align",
       {{2, 1, 6, 7, 3}},
       [](const Values& v) {
         return roi_align(v[0], boxes(v[0].graph()), {.resolution = 3, .spatial_scale = 0.25});
       }},
      {"roi_align_legacy",
       {{2, 1, 6, 7, 3}},
       [](const Values& v) {
         return roi_align(v[0], boxes(v[0].graph()),
                          {.resolution = 2, .spatial_scale = 0.25, .samples = 3, .aligned = false});
       }},
      {"reshape",
       {{2, 6}},
       [](const Values& v) {
         return reshape(v[0], {3, 4});
       }},
      {"concat",
       {{2, 3, 4}, {2, 3, 1}, {2, 3, 2}},
       [](const Values& v) {
         return concat({v[0], v[1], v[2]});
       }},
      {"batch_norm",
       {{2, 3, 2, 2, 4}, {4}, {4}},
       [](const Values& v) { return batch_norm_of(v, {}); }},
      {"sub_batch_norm",
       {{4, 2, 2, 1, 3}, {3}, {3}},
       [](const Values& v) { return batch_norm_of(v, {.splits = 2}); }},
      {"batch_norm_synchronised",
       {{2, 3, 2, 2, 4}, {4}, {4}},
       [](const Values& v) {
         return batch_norm_of(v, {.group = std::make_shared<SingleProcess>()});
       }},
      {"cross_entropy",
       {{4, 5}},
       [](const Values& v) {
         Graph& graph = v[0].graph();
         const Tensor weights = Tensor::from<double>({1, 2, 0.5, 1, 3}, {5});
         return cross_entropy(v[0], labels(graph), {.label_smoothing = 0.1},
                              graph.state(weights, "weights", false));
       }},
      {"soft_cross_entropy",
       {{3, 5}},
       [](const Values& v) {
         const Tensor targets = random_tensor("targets", f64({3, 5}), 0, 1);
         return soft_cross_entropy(v[0], v[0].graph().state(targets, "targets", false));
       }},
      {"batch_norm_fused",
       {{3, 2, 2, 2, 4}, {4}, {4}, {3, 2, 2, 2, 4}},
       [](const Values& v) { return relu(add(batch_norm_of(v, {}), v[3])); }},
      {"batch_norm_relu",
       {{3, 2, 2, 2, 4}, {4}, {4}},
       [](const Values& v) { return relu(batch_norm_of(v, {})); }},
      {"batch_norm_frozen",
       {{3, 2, 2, 2, 4}, {4}, {4}},
       [](const Values& v) { return batch_norm_of(v, {.frozen = true}); }},
      {"dropout",
       {{3, 7}},
       [](const Values& v) { return dropout(v[0], 0.5, random_numbers(v[0].graph())); }},
      {"drop_connect",
       {{5, 2, 3}},
       [](const Values& v) { return drop_connect(v[0], 0.4, random_numbers(v[0].graph())); }},
      {"binary_cross_entropy_of_probabilities",
       {{3, 7}},
       [](const Values& v) { return binary_cross_entropy(sigmoid(v[0]), shares(v[0]), false); }},
      {"binary_cross_entropy_of_logits",
       {{3, 7}},
       [](const Values& v) { return binary_cross_entropy(v[0], shares(v[0]), true); }},
      {"binary_cross_entropy_of_some_rows",
       {{4, 5}},
       [](const Values& v) {
         const Value rows = v[0].graph().state(Tensor::from<int64_t>({3}, {1}), "rows", false);
         return binary_cross_entropy(sigmoid(v[0]), shares(v[0]), false, rows);
       }},
      {"slice_channels", {{2, 3, 7}}, [](const Values& v) { return slice_channels(v[0], 2, 3); }},
  };
  return kCases;
}

class Gradients : public testing::TestWithParam<GradientCase> {};

// The error of a central difference with step h is h^2 / 6 of the third derivative and eps / h of
// the sum: with h = 1e-5 both lie near 1e-10 for sums of about 1.
TEST_P(Gradients, AreThoseOfCentralDifferences) {
  const Differentiated d(GetParam());
  Plan plan(*d.graph, d.grads);
  for (size_t i = 0; i < d.inputs.size(); ++i) plan.feed(d.inputs[i], d.values[i]);
  plan.feed(d.seed, d.weights);
  plan.run();
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < d.inputs.size(); ++i) {
    ASSERT_TRUE(d.grads[i]) << "no gradient by input " << i;
    const Tensor found = plan.fetch(d.grads[i]);
    double largest = 0;
    for (double g : found.span<double>()) largest = std::max(largest, std::abs(g));
    EXPECT_GT(largest, 0);
    const auto x = d.values[i].span<double>();
    for (size_t e = 0; e < x.size(); e += 1 + x.size() / 40) {
      const double at = x[e];
      x[e] = at + kStep;
      const double above = d.weighted_sum();
      x[e] = at - kStep;
      const double below = d.weighted_sum();
      x[e] = at;
      EXPECT_NEAR(found.span<double>()[e], (above - below) / (2 * kStep), 1e-6 * largest)
          << "input " << i << ", element " << e;
    }
  }
}

// The fused steps have sums of other roundings.
TEST_P(Gradients, AreThoseOfTheRewrittenGraph) {
  std::vector<std::vector<Tensor>> results;
  for (bool rewritten : {false, true}) {
    const Differentiated d(GetParam(), rewritten);
    Plan plan(*d.graph, d.grads);
    for (size_t i = 0; i < d.inputs.size(); ++i) plan.feed(d.inputs[i], d.values[i]);
    plan.feed(d.seed, d.weights);
    plan.run();
    results.emplace_back();
    for (const Value& g : d.grads) results.back().push_back(plan.fetch(g));
  }
  for (size_t i = 0; i < results[0].size(); ++i)
    for (size_t e = 0; e < results[0][i].span<double>().size(); ++e)
      EXPECT_NEAR(results[0][i].span<double>()[e], results[1][i].span<double>()[e], 1e-12) << i;
}

INSTANTIATE_TEST_SUITE_P(Ops, Gradients, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

// Every operation that a source file of autograd/ops names, but for those that only gradients and
// inference are made of.
TEST(GradientCoverage, EveryOperationHasACase) {
  const std::set<std::string> kWithout{"constant",   "cast",       "sum_pixels",  "sum_pairs",
                                       "fold_scale", "fold_bias",  "batch_norm",  "sum_of_squares",
                                       "clip_norm",  "clamp",      "scale",       "accumulate",
                                       "sgd",        "adam",       "adamw",       "lars",
                                       "start_sum",  "finish_sum", "box_features"};
  std::set<std::string> tested;
  for (const GradientCase& c : cases()) {
    const Differentiated d(c);
    for (const Graph::Node& node : d.graph->nodes()) tested.insert(std::string(node.op->name()));
  }
  const std::regex named(
      R"re(string_view \w*:*name\(\) const (?:override )?\{[^}]*return[^;]*;)re");
  const std::regex text(R"re("(\w+)")re");
  int found = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SF_SOURCE_DIR) / "autograd/ops")) {
    std::ifstream in(entry.path());
    const std::string source{std::istreambuf_iterator<char>(in), {}};
    for (std::sregex_iterator m(source.begin(), source.end(), named), end; m != end; ++m) {
      const std::string body = m->str();
      for (std::sregex_iterator t(body.begin(), body.end(), text); t != end; ++t, ++found) {
        const std::string name = (*t)[1];
        const bool exempt = kWithout.contains(name) || name.ends_with("_backward") ||
                            name.find("_backward_") != std::string::npos;
        EXPECT_TRUE(exempt || tested.contains(name)) << name << " of " << entry.path().filename();
      }
    }
  }
  EXPECT_GT(found, 15);
}

TEST(GradientRules, WhatDoesNotCountHasNoGradient) {
  Graph g;
  const Value x = g.input("x", f64({2, 3})), other = g.input("other", f64({2, 3}));
  const Value row = reshape(x, {1, 1, 6});
  const Value loss = matmul(row, row, {.transpose_b = true});
  const auto grads = gradients(loss, std::vector{x, other});
  EXPECT_TRUE(grads[0]);
  EXPECT_FALSE(grads[1]);
}

// Two runs over x = 1 .. 4 and 3 .. 6: means 2.5 and 4.5, variances 5/4 with Bessel's 4/3.
TEST(BatchNormTraining, MovesTheRunningStatistics) {
  Graph g;
  const Value x = g.input("x", f64({4, 1}));
  const Tensor ones = Tensor::from<double>({1}, {1}), zeros = Tensor::zeros(f64({1}));
  const Tensor mean = Tensor::zeros(f64({1})), variance = Tensor::from<double>({1}, {1});
  const Value y = batch_norm_training(x, {.gamma = g.state(ones, "gamma", false),
                                          .beta = g.state(zeros, "beta", false),
                                          .mean = g.state(mean, "mean", false),
                                          .variance = g.state(variance, "variance", false)});
  Plan plan(g, std::vector{y});
  double expected_mean = 0, expected_variance = 1;
  for (double first : {1.0, 3.0}) {
    plan.feed(x, Tensor::from<double>({first, first + 1, first + 2, first + 3}, {4, 1}));
    plan.run();
    expected_mean = 0.9 * expected_mean + 0.1 * (first + 1.5);
    expected_variance = 0.9 * expected_variance + 0.1 * (1.25 * 4 / 3);
    // Rounding of a few operations.
    EXPECT_NEAR(mean.span<double>()[0], expected_mean, 1e-14);
    EXPECT_NEAR(variance.span<double>()[0], expected_variance, 1e-14);
    EXPECT_NEAR(plan.fetch(y).span<double>()[0], -1.5 / std::sqrt(1.25 + 1e-5), 1e-14);
  }
}

TEST(GradientRules, AVectorIsNoLoss) {
  Graph g;
  const Value x = g.input("x", f64({2, 3}));
  try {
    gradients(relu(x), std::vector{x});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "gradients: wanted a loss of one element, found [2 3]");
  }
}

}  // namespace
}  // namespace sf
