// Steps that run depth first give what they give layer by layer.
#include "autograd/plan/frame_chains.h"

#include <algorithm>

#include "autograd/ops/conv3d.h"
#include "autograd/ops/pool3d.h"
#include "autograd/rewrite/rewrite.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

constexpr int64_t kBatch = 2, kFrames = 3, kSide = 32;
constexpr int64_t kFrame = 1;  // bytes of a piece that make it one frame

// Graphs of layers with whole-numbered weights, so that kernels round nothing.
struct Layers {
  Value input(int64_t channels, int64_t frames = kFrames) {
    in.push_back(graph.input(cat("x", in.size()), {{kBatch, frames, kSide, kSide, channels}}));
    return in.back();
  }
  Value conv(Value x, int64_t channels, int kernel = 1, int temporal = 1, int stride = 1) {
    const TensorType type{{channels, temporal, kernel, kernel, x.shape().channels()}};
    const std::string name = cat("w", weights++);
    const Graph::Scope scope(graph, cat("conv", weights));
    return conv3d(x, graph.state(whole_numbers(name, type), name, variable),
                  {.stride = {1, stride, stride}, .pad = {temporal / 2, kernel / 2, kernel / 2}});
  }
  static Value pool(Value x, int window = 3) {
    return max_pool3d(x, {.kernel = {1, window, window},
                          .stride = {1, window - 1, window - 1},
                          .pad = {0, window / 2, window / 2}});
  }
  // Like a stage of a ResNet: two blocks, the first one with a convolution as its shortcut.
  Value stage(Value x) {
    const Value shortcut = conv(x, 16);
    x = relu(add(conv(relu(conv(relu(conv(x, 8)), 8, 3)), 16), shortcut));
    return relu(add(conv(relu(conv(relu(conv(x, 8)), 8, 3)), 16), x));
  }
  void fuse(const std::vector<Value*>& outputs) {
    std::vector<int> kept;
    for (const Value* v : outputs) kept.push_back(v->id());
    rewritten = rewrite_for_inference(graph, kept);
    for (Value* v : outputs) *v = rewritten[*v];
    for (Value& v : in) v = rewritten[v];
  }
  const Graph& made() const { return rewritten.graph ? *rewritten.graph : graph; }
  std::vector<std::vector<float>> run(const std::vector<Value>& outputs, int64_t piece_bytes) {
    Plan plan(made(), outputs, {.piece_bytes = piece_bytes});
    for (size_t i = 0; i < in.size(); ++i)
      plan.feed(in[i], whole_numbers(cat("x", i), in[i].type()));
    plan.run();
    plan.run();  // inputs stay
    std::vector<std::vector<float>> all;
    for (Value v : outputs) all.push_back(values(plan.fetch(v)));
    return all;
  }

  Graph graph;
  std::vector<Value> in;
  int weights = 0;
  bool variable = false;
  Rewritten rewritten;
};

Blueprint blueprint(const Layers& layers, const std::vector<Value>& outputs,
                    int64_t piece_bytes = kFrame) {
  return {layers.made(), outputs, {.piece_bytes = piece_bytes}};
}

int64_t most_pieces(const Blueprint& blueprint) {
  int64_t most = 0;
  for (const auto& step : blueprint.steps()) most = std::max(most, step.pieces);
  return most;
}

TEST(FrameChains, GiveWhatLayersGiveOneByOne) {
  Layers layers;
  Value y = layers.stage(Layers::pool(layers.conv(layers.input(3), 8, 3)));
  layers.fuse({&y});
  const Blueprint deep = blueprint(layers, {y}), flat = blueprint(layers, {y}, 0);
  EXPECT_EQ(flat.steps().size(), 9u);
  EXPECT_EQ(deep.steps().size(), 9u * kBatch * kFrames) << deep.describe();
  EXPECT_EQ(layers.run({y}, kFrame), layers.run({y}, 0));
  EXPECT_LT(deep.arena_bytes(), flat.arena_bytes());
  EXPECT_EQ(deep.constant_bytes(), flat.constant_bytes());
  EXPECT_DOUBLE_EQ(deep.flops(), flat.flops());
  EXPECT_EQ(deep.shapes(), flat.shapes());
}

TEST(FrameChains, RunAllStepsOfAPieceBeforeTheNext) {
  Layers layers;
  Value y = Layers::pool(layers.conv(layers.input(3), 8, 3));
  const Blueprint deep = blueprint(layers, {y});
  ASSERT_EQ(deep.steps().size(), 2u * kBatch * kFrames);
  for (size_t s = 0; s < deep.steps().size(); ++s) {
    const Blueprint::Step& step = deep.steps()[s];
    EXPECT_EQ(step.op->name(), s % 2 == 0 ? "conv3d" : "max_pool3d");
    EXPECT_EQ(step.piece, int64_t(s / 2));
    EXPECT_EQ(step.pieces, kBatch * kFrames);
    EXPECT_EQ(step.site.in[0].type.shape, (Shape{1, 1, kSide, kSide, s % 2 == 0 ? 3 : 8}));
  }
  EXPECT_NE(deep.describe().find(" x 6 "), std::string::npos) << deep.describe();
  EXPECT_NE(deep.describe().find("2 steps"), std::string::npos) << deep.describe();
}

TEST(FrameChains, TakeFramesThatHaveSoManyBytes) {
  Layers layers;
  Value y = Layers::pool(layers.conv(layers.input(4), 60, 3));
  const int64_t frame = kSide * kSide * (60 + 60 / 4) * 4;  // of the pool, which has most
  EXPECT_EQ(most_pieces(blueprint(layers, {y}, frame)), 6);
  EXPECT_EQ(most_pieces(blueprint(layers, {y}, frame + 1)), 3);
  EXPECT_EQ(layers.run({y}, frame + 1), layers.run({y}, 0));  // the second one is of both clips
}

// Of the largest tensor within the chain, which has 4 bytes an element, a fourth.
TEST(FrameChains, AreNotWorthItForSmallTensors) {
  Layers layers;
  Value y = Layers::pool(layers.conv(layers.input(4), 60, 3));
  const int64_t most = kBatch * kFrames * kSide * kSide * 60;
  EXPECT_EQ(most_pieces(blueprint(layers, {y}, most)), 3);
  EXPECT_EQ(most_pieces(blueprint(layers, {y}, most + 1)), 1);
  EXPECT_EQ(most_pieces(blueprint(layers, {y}, piece_bytes_for_caches())), 1);
}

TEST(FrameChains, EndWhereFramesMeet) {
  for (const int temporal : {1, 3}) {
    Layers layers;
    const Value x = layers.conv(layers.input(4), 8);
    Value y = layers.conv(layers.conv(x, 8, 3, temporal), 8);
    EXPECT_EQ(most_pieces(blueprint(layers, {y})), temporal == 1 ? 6 : 1);
    EXPECT_EQ(layers.run({y}, kFrame), layers.run({y}, 0));
  }
}

// It runs once for the pieces that it joins, of which all are kept until then.
TEST(FrameChains, EndWithAPoolThatJoinsFrames) {
  for (const int window : {1, 2, 4}) {
    Layers layers;
    const Value x = layers.conv(layers.conv(layers.input(4, 4), 8, 3), 8);
    const Value pooled = max_pool3d(x, {.kernel = {window, 1, 1}, .stride = {window, 1, 1}});
    const Value y = layers.conv(layers.conv(pooled, 8), 8);
    const Blueprint deep = blueprint(layers, {y});
    const auto& chains = deep.placement().chains();
    std::vector<int64_t> pieces;
    for (const auto& step : deep.steps())
      if (step.op->name() == "max_pool3d") pieces.push_back(step.piece);
    EXPECT_EQ(deep.steps().front().pieces, kBatch * 4) << deep.describe();
    EXPECT_EQ(int64_t(pieces.size()), kBatch * 4 / window) << deep.describe();
    EXPECT_TRUE(std::ranges::is_sorted(pieces));
    ASSERT_TRUE(chains.inner(x.id()));
    EXPECT_EQ(chains.kept_pieces(x.id()), window);
    EXPECT_EQ(chains.inner(pooled.id()), window == 1);
    EXPECT_EQ(layers.run({y}, kFrame), layers.run({y}, 0));
  }
}

// Of three frames each: what a piece of two of them joins begins and ends with whole outputs.
TEST(FrameChains, JoinPiecesOfSeveralFrames) {
  Layers layers;
  const Value x = layers.conv(layers.conv(layers.input(4, 6), 8, 3), 8);
  const Value y = max_pool3d(x, {.kernel = {3, 1, 1}, .stride = {3, 1, 1}});
  const int64_t frame = kSide * kSide * 16 * 4;
  const Blueprint deep = blueprint(layers, {y}, frame + 1);
  EXPECT_EQ(deep.steps().front().pieces, kBatch * 3) << deep.describe();
  EXPECT_EQ(deep.placement().chains().kept_pieces(x.id()), 3);
  EXPECT_EQ(deep.steps().back().pieces, 2);
  EXPECT_EQ(layers.run({y}, frame + 1), layers.run({y}, 0));
}

TEST(FrameChains, LeaveOutPoolsWhoseWindowsOverlapOrMiss) {
  const PoolParams all[] = {{.kernel = {3, 1, 1}, .stride = {2, 1, 1}},
                            {.kernel = {1, 1, 1}, .stride = {2, 1, 1}},
                            {.kernel = {3, 1, 1}, .stride = {3, 1, 1}},
                            {.kernel = {2, 1, 1}, .stride = {2, 1, 1}, .pad = {1, 0, 0}}};
  for (const PoolParams& params : all) {
    Layers layers;
    const Value y = max_pool3d(layers.conv(layers.input(4, 4), 8, 3), params);
    EXPECT_EQ(most_pieces(blueprint(layers, {y})), 1);
  }
}

// A frame of 32 x 32 has 32 * 32 * (4 + 64) * 4 bytes, more than four times the 4 * 64 * 49 * 4 of
// the weights; one of 16 x 16 has less.
TEST(FrameChains, LeaveOutStepsWithManyWeights) {
  for (const bool halved : {false, true}) {
    Layers layers;
    Value x = layers.input(4);
    if (halved) x = Layers::pool(x);
    const Value y = layers.conv(layers.conv(x, 64, 7), 8);
    EXPECT_EQ(most_pieces(blueprint(layers, {y})), halved ? 1 : 6);
  }
}

TEST(FrameChains, AreOfTheCpuAloneAndOfPlansThatReuseMemory) {
  Layers layers;
  Value y = Layers::pool(layers.conv(layers.input(3), 8, 3));
  const auto pieces = [&](BlueprintOptions options) {
    options.piece_bytes = kFrame;
    return most_pieces(Blueprint(layers.graph, std::vector{y}, options));
  };
  EXPECT_EQ(pieces({}), 6);
  EXPECT_EQ(pieces({.reuse_buffers = false}), 1);
  EXPECT_EQ(pieces({.device = {.backend = Backend::simt}}), 1);
  EXPECT_EQ(pieces({.lanes = 2}), 1);
}

// A tensor in the midst of a chain that is fetched, or read behind it, is there whole.
TEST(FrameChains, KeepWhatOthersRead) {
  Layers layers;
  const Value x = layers.input(4);
  Value a = layers.conv(x, 8);
  Value b = layers.conv(layers.conv(a, 8, 3), 8);
  Value c = layers.conv(concat({a, layers.conv(b, 8, 1, 3)}), 8);
  layers.fuse({&a, &b, &c});
  EXPECT_GT(most_pieces(blueprint(layers, {a, b, c})), 1);
  EXPECT_EQ(layers.run({a, b, c}, kFrame), layers.run({a, b, c}, 0));
  EXPECT_EQ(layers.run({c}, kFrame), layers.run({c}, 0));
}

// What a chain makes lies in a joined tensor, with its pitch.
TEST(FrameChains, WriteIntoConcatenations) {
  Layers layers;
  const Value x = layers.input(3);
  const Value fast = layers.conv(x, 4, 1, 3);
  const Value slow = Layers::pool(layers.conv(x, 8, 3)), small = Layers::pool(fast);
  Value y = layers.stage(concat({slow, small}));
  layers.fuse({&y});
  const Blueprint deep = blueprint(layers, {y});
  EXPECT_GT(deep.joined_without_copy(), 0) << deep.describe();
  EXPECT_EQ(layers.run({y}, kFrame), layers.run({y}, 0));
}

TEST(FrameChains, TakeWeightsThatChange) {
  Layers layers;
  layers.variable = true;
  Value y = layers.stage(layers.input(3));
  layers.fuse({&y});
  EXPECT_GT(most_pieces(blueprint(layers, {y})), 1);
  EXPECT_EQ(layers.run({y}, kFrame), layers.run({y}, 0));
}

// Chains within a chain of shortcuts, pools, joins and layers that mix frames.
TEST(FrameChains, OfRandomNetworksGiveWhatLayersGive) {
  int chains = 0, inner = 0, joined = 0;
  for (int trial = 0; trial < 200; ++trial) {
    SCOPED_TRACE(trial);
    const CounterRng rng(cat("chains", trial));
    uint64_t draws = 0;
    const auto draw = [&](size_t n) { return size_t(rng.bits(draws++)) % n; };
    Layers layers;
    std::vector<Value> all{layers.input(4, 4)};
    const auto any = [&] { return all[all.size() - 1 - draw(std::min<size_t>(all.size(), 3))]; };
    for (int n = 0; n < 6; ++n) {
      const Value x = any(), y = any();
      const auto kind = draw(8);
      if (kind == 0 && x.shape() == y.shape() && !(x == y))
        all.push_back(relu(add(x, y)));
      else if (kind == 1 && !(x == y) && x.shape()[1] == y.shape()[1] &&
               x.shape().channels() + y.shape().channels() <= 16)
        all.push_back(concat({x, y}));
      else if (kind == 2)
        all.push_back(layers.conv(x, 4, 1, 3));
      else if (kind == 3)
        all.push_back(max_pool3d(x, {.kernel = {1, 3, 3}, .pad = {0, 1, 1}}));
      else if (kind == 4 && x.shape()[1] % 2 == 0)
        all.push_back(max_pool3d(x, {.kernel = {2, 1, 1}, .stride = {2, 1, 1}}));
      else
        all.push_back(layers.conv(x, x.shape().channels(), draw(2) == 0 ? 1 : 3));
      all.back() = layers.conv(all.back(), 4);
    }
    std::vector<Value> outputs{all.back(), all[all.size() / 2]};
    layers.fuse({&outputs[0], &outputs[1]});
    const Blueprint deep = blueprint(layers, outputs);
    chains += most_pieces(deep) > 1;
    const auto& frames = deep.placement().chains();
    for (int v = 0; v < layers.made().value_count(); ++v) {
      inner += frames.inner(v);
      joined += frames.inner(v) && frames.kept_pieces(v) > 1;
    }
    ASSERT_EQ(layers.run(outputs, kFrame), layers.run(outputs, 0)) << deep.describe();
  }
  EXPECT_GT(chains, 150);
  EXPECT_GT(inner, 400);
  EXPECT_GT(joined, 20);
}

TEST(FrameChains, NameTheClipOfAValueThatIsNotFinite) {
  Layers layers;
  const Value x = layers.input(4);
  Tensor twos = Tensor::zeros({{60, 1, 3, 3, 4}});
  std::ranges::fill(twos.span<float>(), 2.0F);
  const Value w = layers.graph.state(twos, "w", false);
  const Value y = Layers::pool(conv3d(x, w, {.pad = {0, 1, 1}}));
  const int64_t frame = kSide * kSide * 4, two_frames = kSide * kSide * 75 * 4 + 1;
  for (const int64_t piece_bytes : {kFrame, two_frames})
    for (int64_t bad = 0; bad < kBatch * kFrames; ++bad) {
      Plan plan(layers.graph, std::vector{y}, {.piece_bytes = piece_bytes});
      const int64_t pieces = plan.steps()[0].pieces;
      ASSERT_EQ(pieces, piece_bytes == kFrame ? 6 : 3);
      Tensor clips = whole_numbers("x0", x.type());
      clips.span<float>()[size_t(bad * frame)] = 3e38f;
      plan.feed(x, clips);
      plan.run();
      const auto found = plan.find_not_finite(plan.steps().size());
      ASSERT_TRUE(found);
      EXPECT_EQ(found->step, "conv3d");
      EXPECT_EQ(found->row, bad / kFrames);
      EXPECT_EQ(found->number, size_t(2 * (bad * pieces / (kBatch * kFrames)) + 1));
    }
}

// Of as many frames as the clips have: seen whole all the same.
TEST(FrameChains, LeaveOutWeightsThatAStepMakes) {
  Layers layers;
  layers.variable = true;
  const Value x = layers.input(4);
  const auto weight = [&](const char* name) {
    const TensorType type{{kBatch * kFrames, 1, 1, 1, x.shape().channels()}};
    return relu(layers.graph.state(whole_numbers(name, type), name, true));
  };
  const Value y = conv3d(layers.conv(conv3d(x, weight("a"), {}), 4), weight("b"), {});
  EXPECT_EQ(layers.run({y}, kFrame), layers.run({y}, 0));
}

TEST(FrameChains, OfNoFramesAreNone) {
  Graph g;
  const Value x = g.input("x", {{0, 3, 8, 8, 4}});
  const Value w = g.state(Tensor::zeros({{4, 1, 1, 1, 4}}), "w", true);
  const Blueprint none(g, std::vector{Layers::pool(conv3d(x, w, {}))}, {.piece_bytes = kFrame});
  EXPECT_EQ(most_pieces(none), 1);
}

TEST(FrameChains, RunAgainWithNewWeights) {
  Layers layers;
  const Value x = layers.input(3);
  const Value y = Layers::pool(layers.conv(x, 8, 3));
  Plan plan(layers.graph, std::vector{y}, {.piece_bytes = kFrame});
  plan.feed(x, whole_numbers("x0", x.type()));
  plan.run();
  const auto before = values(plan.fetch(y));
  plan.release_constants();
  EXPECT_EQ(plan.constant_bytes(), 0u);
  plan.run();
  EXPECT_EQ(values(plan.fetch(y)), before);
}

}  // namespace
}  // namespace sf
