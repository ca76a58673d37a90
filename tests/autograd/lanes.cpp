// Steps of different lanes meet in no memory unless one waits for the other.
#include "autograd/plan/lanes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "autograd/gradients.h"
#include "autograd/ops/optimizer_step.h"
#include "autograd/ops/reshape.h"
#include "autograd/plan/arena.h"
#include "autograd/plan/blueprint.h"
#include "autograd/plan/plan.h"
#include "autograd/rewrite/rewrite.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

constexpr int kLanes = 3;

// Which steps have ended when a step starts, by what the blueprint promises alone: the order of
// each lane, and waits.
std::vector<std::vector<bool>> steps_before(const std::vector<Blueprint::Step>& steps) {
  std::vector<std::vector<bool>> before(steps.size(), std::vector<bool>(steps.size()));
  std::array<int, kLanes> last;
  last.fill(-1);
  for (size_t s = 0; s < steps.size(); ++s) {
    std::vector<int> direct = steps[s].waits;
    int& previous = last[size_t(steps[s].lane)];
    if (previous >= 0) direct.push_back(previous);
    for (int other : direct) {
      before[s][size_t(other)] = true;
      for (size_t b = 0; b < s; ++b)
        if (before[size_t(other)][b]) before[s][b] = true;
    }
    previous = int(s);
  }
  return before;
}

// Follows who used each word of the arena, and each state, since it was written. Conflicts are
// transitive, so neighbours in time are enough.
class ConflictFinder {
 public:
  ConflictFinder(const Blueprint& blueprint, std::vector<Blueprint::Step> steps)
      : blueprint_(blueprint),
        steps_(std::move(steps)),
        before_(steps_before(steps_)),
        words_(blueprint.arena_bytes() / 4 + size_t(blueprint.graph().value_count())) {}

  // Two steps that use the same memory in no order, one of them writing.
  std::optional<std::string> find() {
    for (size_t s = 0; s < steps_.size() && !found_; ++s) {
      const auto& node = blueprint_.graph().nodes()[size_t(steps_[s].node)];
      const auto written = steps_[s].op->written_inputs();
      for (int v : node.in) for_words(v, [&](Word& word) { read(word, int(s)); });
      for (int i : written) for_words(node.in[size_t(i)], [&](Word& word) { write(word, int(s)); });
      if (steps_[s].op->inputs_live_in_output())
        copy(steps_[s], int(s));
      else if (steps_[s].lowered.launches > 0)
        for (int v : node.out) for_words(v, [&](Word& word) { write(word, int(s)); });
      const size_t workspace = blueprint_.workspace_offset(steps_[s]) / 4;
      for (size_t w = 0; w < steps_[s].lowered.workspace_bytes / 4; ++w)
        write(words_[workspace + w], int(s));
    }
    return found_;
  }

 private:
  struct Word {
    int writer = -1;
    std::array<int, kLanes> readers{-1, -1, -1};  // since, the last of each lane
  };

  template <class F>
  void for_words(int value, const F& f) {
    const auto& info = blueprint_.graph().info(value);
    if (info.state) return f(words_[words_.size() - 1 - size_t(value)]);
    const auto offset = blueprint_.placement().offset(value);
    if (!offset) return;
    const size_t words = size_of(info.type.dtype) / 4;
    const size_t pitch = size_t(blueprint_.placement().pitch(value)) * words;
    const size_t row = size_t(info.type.shape.channels()) * words;
    for (size_t p = 0; p < size_t(info.type.shape.pixels()); ++p)
      for (size_t w = 0; w < row; ++w) f(words_[*offset / 4 + p * pitch + w]);
  }

  // A concatenation writes what was not produced in its place.
  void copy(const Blueprint::Step& step, int s) {
    const auto& out = step.site.out[0];
    size_t at = *out.offset;
    for (const auto& in : step.site.in) {
      const size_t row = size_t(in.type.shape.channels());
      if (in.offset != at)
        for (size_t p = 0; p < size_t(in.type.shape.pixels()); ++p)
          for (size_t w = 0; w < row; ++w) write(words_[at / 4 + p * size_t(out.pitch) + w], s);
      at += row * 4;
    }
  }

  void read(Word& word, int step) {
    expect_before(word.writer, step);
    word.readers[size_t(steps_[size_t(step)].lane)] = step;
  }
  void write(Word& word, int step) {
    expect_before(word.writer, step);
    for (int reader : word.readers) expect_before(reader, step);
    word = {step};
  }
  void expect_before(int first, int second) {
    if (first < 0 || first == second || before_[size_t(second)][size_t(first)] || found_) return;
    found_ = steps_[size_t(first)].name + " and " + steps_[size_t(second)].name;
  }

  const Blueprint& blueprint_;
  std::vector<Blueprint::Step> steps_;
  std::vector<std::vector<bool>> before_;
  std::vector<Word> words_;
  std::optional<std::string> found_;
};

std::optional<std::string> conflict(const Blueprint& blueprint) {
  return ConflictFinder(blueprint, blueprint.steps()).find();
}

struct Inference {
  Inference() {
    for (const TensorType& type : net.inputs())
      in.push_back(built.input(cat("clip", in.size()), type));
    const Value y = net(in[0], in[1]);
    rewritten = rewrite_for_inference(built, std::vector{y.id()});
    out = rewritten[y];
  }
  Blueprint blueprint(int lanes, bool reuse = true) const {
    return {*rewritten.graph, std::vector{out}, {.reuse_buffers = reuse, .lanes = lanes}};
  }
  std::vector<float> run(const PlanOptions& options) const {
    Plan plan(*rewritten.graph, std::vector{out}, options);
    for (size_t i = 0; i < in.size(); ++i)
      plan.feed(rewritten[in[i]], random_tensor(cat("clip", i), in[i].type(), -1, 1));
    plan.run();
    return values(plan.fetch(out));
  }

  TinySlowFast net;
  Graph built;
  std::vector<Value> in;
  Rewritten rewritten;
  Value out;
};

// A step of SGD by the gradients of the output.
struct StepOfTraining {
  explicit StepOfTraining(bool recompute = false) {
    const auto number = [](int64_t n) { return Tensor::from(std::vector{n}, {1}); };
    Graph built(TrainingRules{.seed = number(1), .step = number(2)});
    std::vector<Value> in;
    for (const TensorType& type : net.inputs())
      in.push_back(built.input(cat("clip", in.size()), type));
    const Value y = net(in[0], in[1]);
    Rewritten r = rewrite_for_training(built, std::vector{y.id()});
    graph = std::move(r.graph);
    std::vector<Value> parameters;
    for (const Parameter& p : net.parameters())
      if (p.trainable) parameters.push_back(graph->state(p.tensor, p.name, true));
    const Value seed = graph->input("seed", y.type());
    const auto all = gradients(r[y], parameters, seed);
    const StepInputs inputs{.learning_rate = graph->state(rate, "rate", true),
                            .step = graph->state(step, "step", true),
                            .factor = {}};
    std::vector<Learning> learning;
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i])
        learning.push_back({.parameter = parameters[i], .gradient = all[i], .memory = {}});
    sgd_step(learning, inputs, {});
    out = r[y];
    if (!recompute) return;
    Rewritten again = recompute_cheap_values(*graph, out, std::vector{out.id()});
    out = again[out];
    graph = std::move(again.graph);
  }
  Blueprint blueprint(int lanes) const { return {*graph, std::vector{out}, {.lanes = lanes}}; }

  TinySlowFast net;
  Tensor rate = Tensor::from<double>({0.1}, {1}), step = Tensor::from<int64_t>({1}, {1});
  std::unique_ptr<Graph> graph;
  Value out;
};

int steps_in_lane(const Blueprint& blueprint, int lane) {
  return int(std::ranges::count(blueprint.steps(), lane, &Blueprint::Step::lane));
}

TEST(Lanes, NamesTellThePathway) {
  EXPECT_EQ(pathway_of("s2.pathway1_res0.branch2.a"), 1);
  EXPECT_EQ(pathway_of("s1.pathway0_stem.conv.grad"), 0);
  EXPECT_EQ(pathway_of("s1_fuse.conv_f2s"), 0);
  EXPECT_EQ(pathway_of("pathway"), 0);
  EXPECT_EQ(pathway_of("pathway-3"), 0);
}

TEST(Lanes, UseTheSameMemoryInNoStepsThatMayRunAtOnce) {
  const Inference inference;
  EXPECT_EQ(conflict(inference.blueprint(2)), std::nullopt);
  EXPECT_EQ(conflict(inference.blueprint(2, false)), std::nullopt);
  const StepOfTraining training, recomputing(true);
  EXPECT_EQ(conflict(training.blueprint(2)), std::nullopt);
  EXPECT_EQ(conflict(recomputing.blueprint(2)), std::nullopt);
}

// Sums, joins and results in the place of inputs, in three lanes at random.
TEST(Lanes, OfRandomGraphsTooUseTheSameMemoryInOrder) {
  int waits = 0, joins = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const CounterRng rng(cat("lanes", trial));
    uint64_t draws = 0;
    const auto draw = [&](size_t n) { return size_t(rng.bits(draws++)) % n; };
    Graph g;
    std::vector<Value> all{g.input("a", {{1, 1, 2, 2, 4}}), g.input("b", {{1, 1, 2, 2, 4}})};
    for (int n = 0; n < 24; ++n) {
      const Graph::Scope scope(g, cat("pathway", draw(kLanes)));
      const Value x = all[draw(all.size())], y = all[draw(all.size())];
      const auto kind = draw(5);
      if (kind == 0 && x.shape() == y.shape())
        all.push_back(add(x, y));
      else if (kind == 1 && !(x == y) && x.shape().channels() + y.shape().channels() <= 16)
        all.push_back(concat({x, y}));
      else if (kind == 2)
        all.push_back(reshape(x, x.shape()));
      else
        all.push_back(sigmoid(x));
    }
    const Blueprint blueprint(g, std::vector{all.back(), all[8]}, {.lanes = kLanes});
    EXPECT_EQ(conflict(blueprint), std::nullopt) << blueprint.describe();
    for (const auto& step : blueprint.steps()) waits += int(step.waits.size());
    joins += blueprint.joined_without_copy();
  }
  EXPECT_GT(waits, 300);
  EXPECT_GT(joins, 100);
}

// No wait is there for nothing either: without any one of them, memory is used in no order.
TEST(Lanes, NeedEveryWait) {
  const Inference inference;
  const Blueprint blueprint = inference.blueprint(2);
  int waits = 0;
  for (size_t s = 0; s < blueprint.steps().size(); ++s)
    for (size_t w = 0; w < blueprint.steps()[s].waits.size(); ++w, ++waits) {
      auto steps = blueprint.steps();
      steps[s].waits.erase(steps[s].waits.begin() + int64_t(w));
      EXPECT_TRUE(ConflictFinder(blueprint, std::move(steps)).find()) << blueprint.steps()[s].name;
    }
  EXPECT_EQ(waits, 2);  // the slow pathway for the fast one, at each fusion
}

TEST(Lanes, OfThePathwaysRunSideBySide) {
  const Inference inference;
  const Blueprint one = inference.blueprint(1), two = inference.blueprint(2);
  EXPECT_EQ(one.lanes(), 1);
  EXPECT_EQ(two.lanes(), 2);
  EXPECT_GT(steps_in_lane(two, 1), 6);
  EXPECT_GT(steps_in_lane(two, 0), steps_in_lane(two, 1));
  EXPECT_GE(two.arena_bytes(), one.arena_bytes());
}

// The lane of a network with one pathway, or of a device with one, takes nothing.
TEST(Lanes, ThatAreNotWantedTakeNoMemory) {
  Graph g;
  const Value x = g.input("x", {{64}});
  const Value y = relu(sigmoid(x));
  const Blueprint one(g, std::vector{y}, {.lanes = 1}), two(g, std::vector{y}, {.lanes = 2});
  EXPECT_EQ(two.lanes(), 1);
  EXPECT_EQ(two.arena_bytes(), one.arena_bytes());
}

TEST(Lanes, ChangeNoBit) {
  const Inference inference;
  const auto expected = inference.run({.reuse_buffers = false});
  EXPECT_EQ(inference.run({.lanes = 1}), expected);
  EXPECT_EQ(inference.run({.lanes = 2}), expected);
  for (float v : expected) ASSERT_TRUE(std::isfinite(v));
}

TEST(Arena, HandsNothingOverBeforeItsTime) {
  ArenaAllocator arena(64);
  const size_t a = arena.take(64, {0, 0}), b = arena.take(64, {0, 0});
  arena.give(a, 64, {1, 0});
  arena.give(b, 64, {2, 1});
  EXPECT_EQ(arena.take(64, {0, 3}), 128u);   // neither is free by then
  EXPECT_EQ(arena.take(128, {2, 0}), 192u);  // the first alone
  EXPECT_EQ(arena.take(128, {2, 1}), a);     // both, as one
}

}  // namespace
}  // namespace sf
