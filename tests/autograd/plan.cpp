#include "autograd/plan/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "autograd/ops/conv3d.h"
#include "autograd/ops/reshape.h"
#include "autograd/plan/arena.h"
#include "autograd/rewrite/rewrite.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

struct Built {
  explicit Built(const TinySlowFast& net, int64_t batch = 2) {
    for (const TensorType& type : net.inputs(batch))
      in.push_back(graph.input(cat("clip", in.size()), type));
    out = net(in[0], in[1]);
  }
  Tensor run(Plan& plan) {
    for (Value v : in) plan.feed(v, random_tensor(graph.info(v.id()).name, v.type(), -1, 1));
    plan.run();
    return plan.fetch(out);
  }
  Graph graph;
  std::vector<Value> in;
  Value out;
};

TEST(Plan, ReusingBuffersChangesNoBit) {
  const TinySlowFast net;
  Built b(net);
  Plan tight(b.graph, std::vector{b.out}),
      loose(b.graph, std::vector{b.out}, {.reuse_buffers = false});
  const auto expected = values(b.run(loose));
  EXPECT_EQ(values(b.run(tight)), expected);
  for (float v : expected) ASSERT_TRUE(std::isfinite(v));
  EXPECT_LT(tight.arena_bytes(), loose.arena_bytes());
}

TEST(Plan, RunningAgainGivesTheSameBits) {
  const TinySlowFast net;
  Built b(net);
  Plan plan(b.graph, std::vector{b.out});
  const auto first = values(b.run(plan));
  for (int i = 0; i < 3; ++i) {
    plan.run();  // without feeding: inputs stay
    EXPECT_EQ(values(plan.fetch(b.out)), first);
  }
}

// The stored number is what the planner needed when it was written; a plan that needs more has lost
// a reuse.
TEST(Plan, TheArenaStaysSmall) {
  const TinySlowFast net;
  Built b(net);
  Rewritten r = rewrite_for_inference(b.graph, std::vector{b.out.id()});
  Plan plan(*r.graph, std::vector{r[b.out]});
  size_t inputs = 0, largest = 0;
  for (Value v : b.in) inputs += size_t(v.type().bytes());
  for (const auto& step : plan.steps())
    largest = std::max(largest, size_t(step.site.out[0].type.bytes()));
  EXPECT_LE(plan.arena_bytes(), inputs + 4 * largest) << plan.describe();
}

TEST(Plan, ConcatenationsOfPooledTensorsNeedNoCopy) {
  const TinySlowFast net;
  Built b(net);
  Plan plan(b.graph, std::vector{b.out});
  // Without fusion, batch norm and pooling write every input of both joins with the pitch of the
  // result, except where a convolution reads the tensor too and its kernel wants it dense.
  EXPECT_GE(plan.blueprint().joined_without_copy(), 2) << plan.describe();
}

TEST(Plan, AJoinedTensorIsReadByItsOtherReadersToo) {
  Graph g;
  Value x = g.input("x", {{1, 1, 2, 2, 3}});
  Value a = sigmoid(x), b = swish(x);
  Value joined = concat({a, b});
  Value product = multiply(a, b);
  Plan plan(g, std::vector{joined, product});
  EXPECT_EQ(plan.blueprint().joined_without_copy(), 2);
  plan.feed(x, random_tensor("x", x.type(), -2, 2));
  plan.run();
  const auto j = values(plan.fetch(joined)), p = values(plan.fetch(product));
  for (size_t pixel = 0; pixel < 4; ++pixel)
    for (size_t c = 0; c < 3; ++c)
      EXPECT_EQ(p[pixel * 3 + c], j[pixel * 6 + c] * j[pixel * 6 + 3 + c]);
}

TEST(Plan, HoistsWhatDependsOnFrozenStateAlone) {
  Graph g;
  Value x = g.input("x", {{2}}), w = g.state(Tensor::from(std::vector{1.f, 2.f}, {2}), "w", false);
  Value t = g.state(Tensor::from(std::vector{1.f, 2.f}, {2}), "t", true);
  Value y = add(multiply(x, multiply(w, w)), multiply(t, t));
  Plan plan(g, std::vector{y});
  EXPECT_EQ(plan.blueprint().hoisted().size(), 1u);
  EXPECT_EQ(plan.steps().size(), 3u);
  plan.feed(x, Tensor::from(std::vector{3.f, 5.f}, {2}));
  plan.run();
  EXPECT_EQ(values(plan.fetch(y)), (std::vector<float>{3 + 1, 20 + 4}));
}

// Folded and packed weights among them.
TEST(Plan, SeesNewFrozenStatesOnceItsConstantsAreReleased) {
  const TinySlowFast net;
  Built b(net);
  Rewritten r = rewrite_for_inference(b.graph, std::vector{b.out.id()});
  const auto run = [&](Plan& plan) {
    for (Value v : b.in) plan.feed(r[v], random_tensor(b.graph.info(v.id()).name, v.type(), -1, 1));
    plan.run();
    return values(plan.fetch(r[b.out]));
  };
  Plan plan(*r.graph, std::vector{r[b.out]});
  const auto before = run(plan);
  const size_t bytes = plan.constant_bytes();
  for (const Parameter& p : net.parameters())
    p.tensor.copy_from(random_tensor(p.name + "/other", p.tensor.type(), 0.5f, 1.5f));
  plan.release_constants();
  EXPECT_EQ(plan.constant_bytes(), 0u);
  const auto after = run(plan);
  EXPECT_NE(after, before);
  EXPECT_EQ(plan.constant_bytes(), bytes);
  Plan fresh(*r.graph, std::vector{r[b.out]});
  EXPECT_EQ(after, run(fresh));
}

TEST(Plan, CheckFiniteNamesTheStep) {
  Graph g;
  Value x = g.input("x", {{1, 1, 1, 1, 2}});
  Value y;
  {
    Graph::Scope scope(g, "s4.pathway0_res3.branch2.b_bn");
    y = multiply(x, x);
  }
  Plan plan(g, std::vector{y}, {.check_finite = true});
  plan.feed(x, Tensor::from(std::vector{1.f, 1e30f}, {1, 1, 1, 1, 2}));
  try {
    plan.run();
    FAIL() << "an overflow went unnoticed";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "s4.pathway0_res3.branch2.b_bn: multiply gave a value that is not finite");
  }
}

TEST(Plan, RefusesFeedsOfAnotherType) {
  Graph g;
  Value x = g.input("clip", {{2, 3}});
  Plan plan(g, std::vector{relu(x)});
  try {
    plan.feed(x, Tensor::zeros({{3, 2}}));
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "plan: input 'clip' wants f32[2 3], found f32[3 2]");
  }
}

TEST(Plan, NeverRunsAReferenceKernelOnFloat32) {
  const TinySlowFast net;
  Built b(net);
  Rewritten r = rewrite_for_inference(b.graph, std::vector{b.out.id()});
  Plan plan(*r.graph, std::vector{r[b.out]});
  for (const auto& step : plan.steps())
    EXPECT_EQ(step.lowered.kernel.find("ref"), std::string::npos) << step.name;
}

// Three sizes of one network, as the crops of multigrid training.
struct ThreeSizes {
  explicit ThreeSizes(const std::shared_ptr<ArenaMemory>& memory) {
    for (int64_t batch : {2, 3, 1}) {
      built.push_back(std::make_unique<Built>(net, batch));
      plans.push_back(std::make_unique<Plan>(built.back()->graph, std::vector{built.back()->out},
                                             PlanOptions{.memory = memory}));
      largest = std::max(largest, plans.back()->arena_bytes());
    }
  }
  const TinySlowFast net;
  std::vector<std::unique_ptr<Built>> built;
  std::vector<std::unique_ptr<Plan>> plans;
  size_t largest = 0;
};

TEST(Plan, SharedMemoryIsThatOfTheLargestAndChangesNoBit) {
  const auto memory = std::make_shared<ArenaMemory>();
  ThreeSizes shared(memory), separate(nullptr);
  EXPECT_EQ(memory->bytes(), shared.largest);
  for (size_t i : {0, 1, 2, 1, 0, 2}) {
    if (i == 2) memory->release();
    const auto found = values(shared.built[i]->run(*shared.plans[i]));
    EXPECT_EQ(found, values(separate.built[i]->run(*separate.plans[i]))) << "plan " << i;
    for (float v : found) ASSERT_TRUE(std::isfinite(v));
  }
}

TEST(Plan, MovesAlongWhenSharedMemoryGrows) {
  const TinySlowFast net;
  const auto memory = std::make_shared<ArenaMemory>();
  Built small(net, 1), large(net, 3);
  Plan first(small.graph, std::vector{small.out}, {.memory = memory});
  const auto expected = values(small.run(first));
  Plan second(large.graph, std::vector{large.out}, {.memory = memory});
  EXPECT_EQ(memory->bytes(), second.arena_bytes());
  large.run(second);
  EXPECT_EQ(values(small.run(first)), expected);
}

// A value that is read before it is written is NaN in the first run, whatever other plans left.
TEST(Plan, StartsFromNaNInSharedMemoryToo) {
  Graph g;
  const Value a = g.input("a", {{8}}), b = g.input("b", {{8}});
  const Value sum = add(a, b), product = multiply(a, b);
  const auto memory = std::make_shared<ArenaMemory>();
  Plan first(g, std::vector{sum}, {.memory = memory}),
      second(g, std::vector{product}, {.memory = memory});
  for (Value v : {a, b}) first.feed(v, Tensor::zeros(v.type()));
  first.run();
  second.feed(a, Tensor::zeros(a.type()));
  second.run();  // b was not fed
  for (float v : values(second.fetch(product))) EXPECT_TRUE(std::isnan(v));
}

TEST(Plan, RefusesToRunOnWhatAnotherPlanLeft) {
  const auto memory = std::make_shared<ArenaMemory>();
  ThreeSizes three(memory);
  Plan &first = *three.plans[0], &second = *three.plans[1];
  three.built[0]->run(first);
  three.built[1]->run(second);
  const std::string wanted =
      "plan: wanted values of this plan in its memory, found none: it did not run yet, or another "
      "plan has taken the memory since";
  const auto error_of = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const Error& e) { return e.what(); }
    return "no error";
  };
  EXPECT_EQ(error_of([&] { first.run(); }), wanted);
  EXPECT_EQ(error_of([&] { first.fetch(three.built[0]->out); }), wanted);
  EXPECT_EQ(error_of([&] { second.run(); }), "no error");
  memory->release();
  EXPECT_EQ(error_of([&] { second.fetch(three.built[1]->out); }), wanted);
}

// Reductions of two lengths, shared out over the grid: their counters are zero before every run,
// whatever another plan left in their place.
TEST(Plan, CountersAreZeroInSharedMemoryToo) {
  constexpr Device kSimt{.backend = Backend::simt};
  Graph g;
  const Value x = g.input("x", {{1, 1, 3, 3, 128}});
  const Tensor wide = random_tensor("wide", {{1152, 1, 3, 3, 128}}, -1, 1),
               narrow = random_tensor("narrow", {{16, 1, 3, 3, 1152}}, -1, 1);
  const Conv3dParams same{.pad = {0, 1, 1}};
  const Value y =
      conv3d(conv3d(x, g.state(wide, "wide", true), same), g.state(narrow, "narrow", true), same);
  const Value a = g.input("a", {{1 << 16}}), doubled = add(a, a);
  const auto memory = std::make_shared<ArenaMemory>(kSimt);
  Plan convolutions(g, std::vector{y}, {.device = kSimt, .memory = memory}),
      other(g, std::vector{doubled}, {.device = kSimt, .memory = memory});
  std::set<size_t> zeroed;
  for (const auto& step : convolutions.steps()) zeroed.insert(step.lowered.zeroed_bytes);
  ASSERT_EQ(zeroed.size(), 2U) << "wanted two steps with counters, not as many";
  ASSERT_FALSE(zeroed.contains(0));
  const Tensor clip = random_tensor("x", x.type(), -1, 1);
  const auto run = [&] {
    convolutions.feed(x, clip);
    convolutions.run();
    return values(convolutions.fetch(y));
  };
  const auto wanted = run();
  other.feed(a, random_tensor("a", a.type(), 1, 2));
  other.run();
  EXPECT_EQ(run(), wanted);
  convolutions.run();  // its own memory again
  EXPECT_EQ(values(convolutions.fetch(y)), wanted);
  EXPECT_EQ(values(evaluate(y, {{x, clip}}, {.device = kSimt})), wanted);
}

TEST(Arena, HandsOutDisjointAlignedBlocks) {
  const CounterRng rng("arena");
  ArenaAllocator arena(64);
  std::vector<std::pair<size_t, size_t>> live;
  for (uint64_t i = 0; i < 2000; ++i) {
    if (live.empty() || rng.bits(2 * i) % 3 != 0) {
      const size_t bytes = 1 + rng.bits(2 * i + 1) % 1000;
      const size_t at = arena.take(bytes);
      ASSERT_EQ(at % 64, 0u);
      ASSERT_LE(at + bytes, arena.bytes());
      for (auto [other, size] : live) ASSERT_TRUE(at + bytes <= other || other + size <= at);
      live.emplace_back(at, bytes);
    } else {
      const size_t victim = rng.bits(2 * i + 1) % live.size();
      arena.give(live[victim].first, live[victim].second);
      live.erase(live.begin() + int64_t(victim));
    }
  }
  for (auto [at, bytes] : live) arena.give(at, bytes);
  const size_t top = arena.bytes();
  EXPECT_EQ(arena.take(top), 0u);  // everything came back as one hole
  EXPECT_EQ(arena.bytes(), top);
}

}  // namespace
}  // namespace sf
