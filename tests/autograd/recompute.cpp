// Training steps that run cheap ops again instead of keeping what they made.
#include <algorithm>
#include <map>
#include <set>

#include "autograd/gradients.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/gradient_norm.h"
#include "autograd/ops/matmul.h"
#include "autograd/rewrite/rewrite.h"
#include "layers/head.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

std::vector<int> ids(std::span<const Value> values) {
  std::vector<int> out;
  for (Value v : values) out.push_back(v.id());
  return out;
}

// The loss of TinySlowFast under a head with dropout, and its gradients by all that learns.
struct Training {
  Training() {
    const auto number = [](int64_t n) { return Tensor::from(std::vector{n}, {1}); };
    Graph built(TrainingRules{.seed = number(1), .step = number(2)});
    std::vector<Value> in;
    for (const TensorType& type : net.inputs())
      in.push_back(built.state(random_tensor(cat("clip", in.size()), type, -1, 1),
                               cat("clip", in.size()), true));
    const Value labels = built.state(Tensor::from<int64_t>({1, 3}, {2}), "labels", false);
    const Value built_loss = cross_entropy(head({net(in[0], in[1])}), labels);
    Rewritten r = rewrite_for_training(built, std::vector{built_loss.id()});
    loss = r[built_loss];
    graph = std::move(r.graph);
    std::vector<Value> wrt;
    for (const Module* module :
         {static_cast<const Module*>(&net), static_cast<const Module*>(&top)})
      for (const Parameter& p : module->parameters())
        if (p.trainable) wrt.push_back(graph->state(p.tensor, p.name, true));
    outputs = gradients(loss, wrt);
    std::erase_if(outputs, [](Value v) { return !v; });
    outputs.push_back(loss);
  }

  const TinySlowFast net;
  Module top;
  ClassificationHead head{
      top, "head", {.channels = {32}, .pool = {{0, 0, 0}}, .classes = 5, .dropout = 0.5}};
  std::unique_ptr<Graph> graph;
  Value loss;
  std::vector<Value> outputs;
};

// What the steps and the plan give: the outputs, then the running statistics behind one run.
struct Outcome {
  Outcome(const Training& training, const Graph& graph, std::span<const Value> outputs)
      : plan(graph, outputs) {
    std::vector<Tensor> before;
    const auto& parameters = training.net.parameters();
    for (const Parameter& p : parameters) before.push_back(p.tensor.clone());
    plan.run();
    for (Value v : outputs) tensors.push_back(plan.fetch(v));
    for (size_t i = 0; i < parameters.size(); ++i) {
      tensors.push_back(parameters[i].tensor.clone());
      parameters[i].tensor.copy_from(before[i]);
    }
  }
  Plan plan;
  std::vector<Tensor> tensors;
};

TEST(Recompute, ChangesNoBitAndTakesLessMemory) {
  const Training t;
  const Rewritten r = recompute_cheap_values(*t.graph, t.loss, ids(t.outputs));
  std::vector<Value> moved;
  for (Value v : t.outputs) moved.push_back(r[v]);
  const Outcome kept(t, *t.graph, t.outputs), recomputed(t, *r.graph, moved);
  ASSERT_EQ(kept.tensors.size(), recomputed.tensors.size());
  for (size_t i = 0; i < kept.tensors.size(); ++i)
    EXPECT_TRUE(equal_bits(kept.tensors[i], recomputed.tensors[i])) << "tensor " << i;
  EXPECT_LT(recomputed.plan.arena_bytes(), kept.plan.arena_bytes());
}

TEST(Recompute, RunsNothingTwiceThatIsDearOrDrawsOrWrites) {
  const Training t;
  const Rewritten r = recompute_cheap_values(*t.graph, t.loss, ids(t.outputs));
  std::map<std::string, int> again;
  std::set<std::pair<std::string, std::string>> nodes;
  for (const Graph::Node& node : r.graph->nodes()) {
    if (!node.name.ends_with(".again")) continue;
    ++again[std::string(node.op->name())];
    EXPECT_TRUE(nodes.emplace(node.name, node.op->name()).second) << node.name << " runs thrice";
  }
  for (const char* op : {"batch_norm_apply", "max_pool3d", "concat"}) EXPECT_GT(again[op], 0) << op;
  for (const char* op : {"conv3d", "linear", "matmul", "softmax", "dropout", "batch_norm_sums",
                         "batch_norm_moments"})
    EXPECT_EQ(again[op], 0) << op;
}

std::vector<std::string> steps_again(const Plan& plan) {
  std::vector<std::string> names;
  for (const Plan::Step& step : plan.steps())
    if (step.name.ends_with(".again")) names.push_back(step.name);
  return names;
}

Value state_of(Graph& graph, const char* name, Shape shape) {
  return graph.state(random_tensor(name, {shape}, -1, 1), name, true);
}

// The gradient of relu needs its result, but nothing in the backward part needs the product.
TEST(Recompute, KeepsWhatWouldOnlyTradePlaces) {
  Graph g;
  const Value x = state_of(g, "x", {1, 4, 4}), w = state_of(g, "w", {1, 4, 4});
  const Value y = relu(matmul(x, w));
  const auto grads = gradients(y, std::vector{x, w}, state_of(g, "seed", {1, 4, 4}));
  const Rewritten r = recompute_cheap_values(g, y, ids(grads));
  EXPECT_TRUE(steps_again(Plan(*r.graph, std::vector{r[grads[0]], r[grads[1]]})).empty());
}

TEST(Recompute, KeepsWhatReadAStateThatChangedSince) {
  Graph g;
  const Value x = state_of(g, "x", {4, 4}), c = state_of(g, "c", {4, 4});
  const Value y = multiply(x, c), loss = sigmoid(multiply(y, y));
  accumulate_into(std::span(&x, 1), std::span(&c, 1));
  const Value seed = state_of(g, "seed", {4, 4});
  const auto grads = gradients(loss, std::vector{y}, seed);
  const Rewritten r = recompute_cheap_values(g, loss, ids(grads));
  const Tensor first = g.info(c.id()).state.clone();
  const Tensor wanted = evaluate(grads[0], {});
  g.info(c.id()).state.copy_from(first);
  EXPECT_TRUE(equal_bits(evaluate(r[grads[0]], {}), wanted));
}

}  // namespace
}  // namespace sf
