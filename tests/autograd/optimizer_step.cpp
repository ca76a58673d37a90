// Steps of optimisers and arithmetic on gradients as nodes of a graph.
#include "autograd/ops/optimizer_step.h"

#include <cmath>

#include "autograd/gradients.h"
#include "autograd/ops/gradient_norm.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reshape.h"
#include "network.h"

namespace sf {
namespace {

struct Scene {
  explicit Scene(double learning_rate = 0.5)
      : rate(Tensor::from<double>({learning_rate}, {1})), step(Tensor::from<int64_t>({1}, {1})) {}
  StepInputs inputs() {
    return {.learning_rate = graph.state(rate, "rate", true),
            .step = graph.state(step, "step", true),
            .factor = {}};
  }
  Value state(const Tensor& t, const char* name) { return graph.state(t, name, true); }

  Graph graph;
  Tensor rate, step;
};

// |w|^2 / 2 has the gradient w: each step with rate 1/2 halves w.
TEST(OptimizerStep, DescendsAQuadratic) {
  Scene s;
  const Tensor w = Tensor::from<double>({8, -4}, {1, 1, 2});
  const Value v = s.state(w, "w");
  const Value loss = matmul(v, v, {.transpose_b = true, .alpha = 0.5});
  const Value g = gradients(reshape(loss, {1}), std::vector{v})[0];
  sgd_step({{v, g, {}}}, s.inputs(), {});
  Plan plan(s.graph, std::vector{loss});
  for (const double expected : {40.0, 10.0, 2.5}) {
    plan.run();
    EXPECT_EQ(plan.fetch(loss).span<double>()[0], expected);
  }
  EXPECT_EQ(w.span<double>()[0], 1);
  EXPECT_EQ(w.span<double>()[1], -0.5);
}

TEST(OptimizerStep, ReadsTheLearningRateInEveryRun) {
  Scene s(1);
  const Tensor w = Tensor::from<double>({8}, {1}), g = Tensor::from<double>({1}, {1});
  sgd_step({{s.state(w, "w"), s.state(g, "g"), {}}}, s.inputs(), {});
  Plan plan(s.graph, {});
  plan.run();
  s.rate.span<double>()[0] = 4;
  plan.run();
  EXPECT_EQ(w.span<double>()[0], 3);
  EXPECT_NE(plan.describe().find("sgd"), std::string::npos);  // a step without outputs
}

// The first step of Adam moves by the learning rate against the sign of the gradient; AdamW's decay
// does not pass through the moments.
TEST(OptimizerStep, AdamsFirstStepIsTheLearningRate) {
  for (bool decoupled : {false, true}) {
    Scene s(0.25);
    const Tensor w = Tensor::from<double>({8, 8}, {2}), g = Tensor::from<double>({100, -100}, {2});
    const Tensor mean = Tensor::zeros(w.type()), square = Tensor::zeros(w.type());
    adam_step({{s.state(w, "w"), s.state(g, "g"), {s.state(mean, "m"), s.state(square, "s")}}},
              s.inputs(), {.epsilon = 0, .weight_decay = 0.5, .decoupled = decoupled});
    Plan(s.graph, {}).run();
    const double shrink = decoupled ? 1 - 0.25 * 0.5 : 1;
    // Rounding of a few operations.
    EXPECT_NEAR(w.span<double>()[0], 8 * shrink - 0.25, 1e-12);
    EXPECT_NEAR(w.span<double>()[1], 8 * shrink + 0.25, 1e-12);
  }
}

TEST(OptimizerStep, ClipsTheNormOfAllGradientsTogether) {
  Scene s(1);
  const Tensor a = Tensor::from<double>({0}, {1}), b = Tensor::from<double>({0, 0}, {2});
  const Tensor ga = Tensor::from<double>({3}, {1}), gb = Tensor::from<double>({4, 0}, {2});
  const Value va = s.state(ga, "ga"), vb = s.state(gb, "gb");
  const GradientNorm norm = gradient_norm(std::vector{va, vb}, 1);
  auto inputs = s.inputs();
  inputs.factor = norm.factor;
  sgd_step({{s.state(a, "a"), va, {}}, {s.state(b, "b"), vb, {}}}, inputs, {});
  Plan plan(s.graph, std::vector{norm.norm});
  plan.run();
  EXPECT_EQ(plan.fetch(norm.norm).span<double>()[0], 5);
  EXPECT_NEAR(a.span<double>()[0], -0.6, 1e-6);  // 1 / (5 + 1e-6)
  EXPECT_NEAR(b.span<double>()[0], -0.8, 1e-6);
}

// More parameters than a kernel takes at once: each is found in its node with what belongs to it.
TEST(OptimizerStep, ManyParametersTakeOneStepEach) {
  constexpr int kCount = 2 * kMostArrays + 3;
  Scene s(1);
  std::vector<Tensor> tensors, sums;
  std::vector<Learning> all;
  std::vector<Value> gradients, into;
  for (int i = 0; i < kCount; ++i) {
    const TensorType type{{1 + i % 3}, DType::f64};
    for (const double value : {100.0, double(i), 0.0}) {
      Tensor t = Tensor::zeros(type);
      for (double& v : t.span<double>()) v = value;
      tensors.push_back(t);
    }
    const auto state = [&](int back) {
      return s.state(tensors[tensors.size() - size_t(back)], "t");
    };
    all.push_back({state(3), state(2), {state(1)}});
    gradients.push_back(all.back().gradient);
    sums.push_back(Tensor::zeros(type));
    into.push_back(s.state(sums.back(), "sum"));
  }
  accumulate_into(gradients, into);
  const GradientNorm norm = gradient_norm(gradients);
  sgd_step(all, s.inputs(), {.momentum = 0.5});
  Plan plan(s.graph, std::vector{norm.norm});
  plan.run();
  EXPECT_EQ(plan.steps().size(), 3U + 3U + 1U + 1U + 3U);  // sums, squares, joined, norm, steps
  double squares = 0;
  for (size_t i = 0; i < kCount; ++i)
    for (size_t j = 0; j < 1 + i % 3; ++j) {
      EXPECT_EQ(tensors[3 * i].span<double>()[j], 100 - double(i));
      EXPECT_EQ(tensors[3 * i + 2].span<double>()[j], double(i));
      EXPECT_EQ(sums[i].span<double>()[j], double(i));
      squares += double(i * i);
    }
  EXPECT_EQ(plan.fetch(norm.norm).span<double>()[0], std::sqrt(squares));
}

TEST(OptimizerStep, LarsScalesByTheNormOfTheParameter) {
  Scene s(1);
  const Tensor w = Tensor::from<double>({3, 4}, {2, 1}), g = Tensor::from<double>({0, 10}, {2, 1});
  const Value v = s.state(w, "w");
  const Value y = lars_gradient(v, s.state(g, "g"), {.trust = 0.1, .epsilon = 0});
  Plan plan(s.graph, std::vector{y});
  plan.run();
  EXPECT_NEAR(plan.fetch(y).span<double>()[1], 10 * 0.1 * 5 / 10, 1e-12);
}

TEST(GradientNorm, AccumulatesScalesAndClamps) {
  Graph graph;
  const Tensor sum = Tensor::from<float>({1, 2}, {2}), x = Tensor::from<float>({10, -20}, {2});
  const Tensor half = Tensor::from<double>({0.5}, {1});
  const Value scaled = scale(graph.state(x, "x", true), graph.state(half, "half", true));
  const Value total = graph.state(sum, "sum", true);
  accumulate_into(std::span(&scaled, 1), std::span(&total, 1));
  const Value clamped = clamp(scaled, 7);
  Plan plan(graph, std::vector{clamped});
  plan.run();
  plan.run();
  EXPECT_EQ(sum.span<float>()[0], 11);
  EXPECT_EQ(sum.span<float>()[1], -18);
  EXPECT_EQ(plan.fetch(clamped).span<float>()[0], 5);
  EXPECT_EQ(plan.fetch(clamped).span<float>()[1], -7);
}

TEST(OptimizerStep, AGradientOfAnotherShapeIsRefused) {
  Scene s;
  const Tensor w = Tensor::zeros({{3}, DType::f64}), g = Tensor::zeros({{2}, DType::f64});
  try {
    sgd_step({{s.state(w, "w"), s.state(g, "g"), {}}}, s.inputs(), {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "sgd: the gradient is f64[2], a state of the parameter f64[3]");
  }
}

}  // namespace
}  // namespace sf
