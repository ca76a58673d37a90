#include <cmath>

#include "autograd/gradients.h"
#include "autograd/ops/batch_norm_training.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/reshape.h"
#include "autograd/ops/softmax.h"
#include "autograd/rewrite/rewrite.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

// The types of the results of all nodes with that op.
std::vector<DType> types_of(const Graph& g, std::string_view op) {
  std::vector<DType> types;
  for (const auto& node : g.nodes())
    if (node.op->name() == op) types.push_back(g.info(node.out[0]).type.dtype);
  return types;
}

void expect_all(const Graph& g, std::string_view op, DType wanted) {
  const auto types = types_of(g, op);
  EXPECT_FALSE(types.empty()) << op;
  for (const DType found : types) EXPECT_EQ(found, wanted) << op;
}

// Largest difference of two tensors over the largest value of `b`.
double relative_distance(const Tensor& a, const Tensor& b) {
  double difference = 0, largest = 0;
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  for (size_t i = 0; i < x.span<double>().size(); ++i) {
    difference = std::max(difference, std::abs(x.span<double>()[i] - y.span<double>()[i]));
    largest = std::max(largest, std::abs(y.span<double>()[i]));
  }
  return difference / largest;
}

class MixedPrecision : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, MixedPrecision, testing::Values(DType::bf16, DType::f16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

// A network for inference: activations are half, softmax and what is fetched float32, and no
// convolution runs in float32.
TEST_P(MixedPrecision, InferenceIsHalfButForItsIslands) {
  const TinySlowFast net;
  for (const Parameter& p : net.parameters())  // or the softmax turns small errors to large ones
    if (p.name.find("conv_theta") != std::string::npos)
      for (float& v : p.tensor.span<float>()) v /= 64;
  Graph g;
  std::vector<Value> in;
  for (const TensorType& type : net.inputs()) in.push_back(g.input(cat("clip", in.size()), type));
  const Value out = net(in[0], in[1]);
  const Rewritten plain = rewrite_for_inference(g, std::vector{out.id()});
  const Rewritten mixed = mixed_precision(*plain.graph, std::vector{plain[out].id()}, GetParam());
  for (const char* op : {"conv3d", "matmul", "max_pool3d", "concat"})
    expect_all(*mixed.graph, op, GetParam());
  expect_all(*mixed.graph, "softmax", DType::f32);
  EXPECT_EQ(mixed[plain[out]].type(), out.type());

  std::vector<std::pair<Value, Tensor>> feeds, mixed_feeds;
  for (Value v : in) {
    feeds.emplace_back(plain[v], random_tensor(g.info(v.id()).name, v.type(), -1, 1));
    mixed_feeds.emplace_back(mixed[plain[v]], feeds.back().second);
  }
  const double found =
      relative_distance(evaluate(mixed[plain[out]], mixed_feeds), evaluate(plain[out], feeds));
  // About a dozen roundings in a row of half a step each (2^-9 in bf16, 2^-12 in f16), of which
  // sums of many terms average most out.
  EXPECT_LT(found, GetParam() == DType::bf16 ? 12 * 0x1p-9 : 12 * 0x1p-12);
  EXPECT_GT(found, 0);
}

// Two convolutions with batch norm, a head and a loss.
struct Learner {
  explicit Learner(std::optional<DType> half, Value (*activation)(Value) = relu) {
    Graph built{TrainingRules{}};
    const Value clip = built.input("x", {{2, 2, 6, 6, 3}});
    const auto state = [&](const std::string& name, Shape shape, float lo, float hi) {
      tensors.push_back(random_tensor(name, {shape}, lo, hi));
      learning.push_back(built.state(tensors.back(), name, true));
      return learning.back();
    };
    const auto norm = [&](Value x, const std::string& name) {
      const int64_t c = x.shape().channels();
      const auto statistic = [&](const char* kind) {
        return built.state(Tensor::zeros({{c}}), kind + name, true);
      };
      const Value gamma = state("gamma" + name, {c}, 0.5, 1.5);
      const Value beta = state("beta" + name, {c}, -0.5, 0.5);
      return batch_norm_training(x, {.gamma = gamma,
                                     .beta = beta,
                                     .mean = statistic("mean"),
                                     .variance = statistic("variance")});
    };
    const Value w1 = state("w1", {8, 1, 3, 3, 3}, -0.5, 0.5);
    const Value first = norm(conv3d(clip, w1, {.pad = {0, 1, 1}}), "1");
    const Value y = activation(first);
    const Value w2 = state("w2", {8, 3, 1, 1, 8}, -0.5, 0.5);
    const Value second = norm(conv3d(y, w2, {.pad = {1, 0, 0}}), "2");
    const Value features = reshape(activation(add(y, second)), {2, 576});
    const Value w3 = state("w3", {5, 576}, -0.1, 0.1);
    const Value logits = linear(features, w3, state("b3", {5}, -0.5, 0.5));
    const Value labels = built.state(Tensor::from<int64_t>({1, 3}, {2}), "labels", false);
    Value mean = cross_entropy(logits, labels, {}, {});

    Rewritten r = rewrite_for_training(built, std::vector{mean.id()});
    x = r[clip];
    loss = r[mean];
    graph = std::move(r.graph);
    if (half) {
      Rewritten mixed = mixed_precision(*graph, std::vector{loss.id()}, *half);
      x = mixed[x];
      loss = mixed[loss];
      graph = std::move(mixed.graph);
    }
    for (size_t i = 0; i < tensors.size(); ++i)
      learning[i] = graph->state(tensors[i], built.info(learning[i].id()).name, true);
    grads = gradients(loss, learning);
  }

  std::vector<Tensor> run() {
    std::vector<Value> outputs{loss};
    outputs.insert(outputs.end(), grads.begin(), grads.end());
    Plan plan(*graph, outputs);
    plan.feed(x, random_tensor("clip", x.type(), -1, 1));
    plan.run();
    std::vector<Tensor> results;
    for (const Value& v : outputs) results.push_back(plan.fetch(v));
    return results;
  }

  std::unique_ptr<Graph> graph;
  std::vector<Tensor> tensors;
  std::vector<Value> learning, grads;
  Value x, loss;
};

TEST_P(MixedPrecision, MastersAndTheirGradientsAreSinglePrecision) {
  const Learner learner(GetParam());
  for (const Value& g : learner.grads) EXPECT_EQ(g.type().dtype, DType::f32);
  for (const char* op : {"conv3d", "conv3d_backward_data", "batch_norm_apply", "linear",
                         "batch_norm_backward_apply"})
    expect_all(*learner.graph, op, GetParam());
  for (const char* op :
       {"conv3d_backward_weight", "batch_norm_backward_parameters", "cross_entropy"})
    expect_all(*learner.graph, op, DType::f32);
  // Sums and moments never leave double precision.
  expect_all(*learner.graph, "batch_norm_sums", DType::f64);
  // No gradient of a convolution's weights goes through a half type.
  for (const auto& node : learner.graph->nodes())
    for (const int in : node.in)
      if (const int maker = learner.graph->info(in).producer;
          maker >= 0 &&
          learner.graph->nodes()[size_t(maker)].op->name() == "conv3d_backward_weight") {
        EXPECT_NE(node.op->name(), "cast") << node.name;
      }
}

TEST_P(MixedPrecision, LossAndGradientsAreThoseOfSinglePrecisionRounded) {
  // A ReLU next to zero would open or close.
  const auto found = Learner(GetParam(), swish).run();
  const auto wanted = Learner(std::nullopt, swish).run();
  // Weights, and the activations and gradients of some ten steps, are rounded by half a step each.
  const double step = GetParam() == DType::bf16 ? 0x1p-8 : 0x1p-11;
  EXPECT_LT(relative_distance(found[0], wanted[0]), 2 * step);
  for (size_t i = 1; i < found.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_LT(relative_distance(found[i], wanted[i]), 16 * step);
    EXPECT_GT(relative_distance(found[i], wanted[i]), 0);
  }
}

TEST(MixedPrecisionRules, AValueIsCastOnceForAllItsReaders) {
  Graph g;
  const Value x = g.input("x", {{1, 2, 2, 2, 4}});
  const Tensor weights = random_tensor("w", {{4, 1, 1, 1, 4}}, -1, 1);
  const Value w = g.state(weights, "w", false);
  const Value a = conv3d(x, w, {}), b = conv3d(x, w, {});
  const Value out = add(softmax(add(a, b)), add(a, b));
  const Rewritten r = mixed_precision(g, std::vector{out.id()}, DType::bf16);
  // x, w, the sum for the softmax; its other reader, the last addition, runs in float32 with it.
  EXPECT_EQ(types_of(*r.graph, "cast").size(), 4U);
  EXPECT_EQ(r[out].type().dtype, DType::f32);
}

TEST(MixedPrecisionRules, OnlyHalfTypesAreOffered) {
  Graph g;
  const Value x = relu(g.input("x", {{2}}));
  try {
    mixed_precision(g, std::vector{x.id()}, DType::f64);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "mixed precision: wanted bf16 or f16, found f64");
  }
}

TEST(MixedPrecisionRules, ABiasOfAHalfConvolutionIsSinglePrecision) {
  Graph g;
  const Value x = g.input("x", {{1, 1, 1, 1, 2}, DType::bf16});
  const Value w = g.input("w", {{3, 1, 1, 1, 2}, DType::bf16});
  try {
    conv3d(x, w, {}, g.input("b", {{3}, DType::bf16}));
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("x of bf16 wants a bias of f32, found bf16"),
              std::string::npos)
        << e.what();
  }
}

TEST(CastGradient, IsACastBack) {
  Graph g;
  const Value w = g.state(Tensor::from<float>({1.5F, -2, 3}, {3}), "w", true);
  const Value y = cast(cast(w, DType::bf16), DType::f32);
  const Value seed = g.state(Tensor::from<float>({1, 1.001F, -7.125F}, {3}), "seed", false);
  const auto grads = gradients(y, std::vector{w}, seed);
  EXPECT_EQ(grads[0].type(), w.type());
  const Tensor found = evaluate(grads[0], {});
  const float wanted[] = {1, 1, -7.125F};  // through bf16
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(found.span<float>()[i], wanted[i]);
  EXPECT_EQ(cast(w, DType::f32), w);
}

}  // namespace
}  // namespace sf
