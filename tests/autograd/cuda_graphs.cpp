// Runs of a plan that are recorded as CUDA graphs give what runs step by step give, also when what
// they read has changed or moved: on a GPU or its stand-in.
#include <cstdlib>

#include "autograd/ops/constant.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/optimizer_step.h"
#include "autograd/ops/pointwise.h"
#include "kernels/base/warning.h"
#include "tests/autograd/network.h"
#include "tests/environment.h"

namespace sf {
namespace {

class CudaGraphs : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  }
};

// Two pathways that wait for each other.
struct Pathways {
  Pathways() {
    x = graph.input("x", kSmallClip);
    const Value w = graph.state(weight, "w", true);
    Value slow = x, fast = x;
    for (int stage = 0; stage < 2; ++stage) {
      {
        const Graph::Scope scope(graph, "pathway1");
        fast = relu(add(fast, slow));
      }
      const Graph::Scope scope(graph, "pathway0");
      slow = add(multiply(slow, w), fast);
    }
    y = add(slow, fast);
  }
  static Tensor clip(int run) { return random_tensor(cat("x", run), kSmallClip, -1, 1); }
  // The results of several runs on clips of their own.
  std::vector<std::vector<float>> run(Plan& plan, int runs) const {
    std::vector<std::vector<float>> found;
    for (int i = 0; i < runs; ++i) {
      plan.feed(x, clip(i));
      plan.run();
      found.push_back(values(plan.fetch(y)));
    }
    return found;
  }
  std::vector<std::vector<float>> run_on_cpu(int runs) {
    graph.move_states_to({});
    Plan plan(graph, std::vector{y});
    auto found = run(plan, runs);
    graph.move_states_to(kCuda);
    return found;
  }

  Graph graph;
  Tensor weight = random_tensor("w", kSmallClip, -1, 1);
  Value x, y;
};

TEST_F(CudaGraphs, AreRecordedInTheSecondRunAndGiveTheSameBits) {
  if (std::getenv("SF_CUDA_GRAPHS")) GTEST_SKIP() << "the environment leaves graphs out";
  Pathways p;
  const auto wanted = p.run_on_cpu(4);
  Plan plan(p.graph, std::vector{p.y}, {.device = kCuda});
  ASSERT_EQ(plan.blueprint().lanes(), 2);
  EXPECT_EQ(p.run(plan, 1)[0], wanted[0]);
  EXPECT_EQ(plan.recorded_runs(), 0U);
  EXPECT_EQ(p.run(plan, 4), wanted);
  EXPECT_EQ(plan.recorded_runs(), 1U);
}

TEST_F(CudaGraphs, AreOneForEachRangeOfSteps) {
  if (std::getenv("SF_CUDA_GRAPHS")) GTEST_SKIP() << "the environment leaves graphs out";
  Pathways p;
  const auto wanted = p.run_on_cpu(3);
  Plan plan(p.graph, std::vector{p.y}, {.device = kCuda});
  for (size_t cut = 0; cut <= plan.steps().size(); ++cut)
    for (int i = 0; i < 3; ++i) {
      plan.feed(p.x, Pathways::clip(i));
      plan.run(0, cut);
      plan.run(cut, plan.steps().size());
      ASSERT_EQ(values(plan.fetch(p.y)), wanted[size_t(i)]) << "cut at " << cut << " run " << i;
    }
  EXPECT_GE(plan.recorded_runs(), 2 * plan.steps().size() - 1);
}

TEST_F(CudaGraphs, AreLeftOutWhereTheEnvironmentSaysSo) {
  for (const auto& [name, value] :
       {std::pair("SF_CUDA_GRAPHS", "0"), std::pair("CUDA_LAUNCH_BLOCKING", "1")}) {
    const Environment setting(name, value);
    Pathways p;
    const auto wanted = p.run_on_cpu(3);
    Plan plan(p.graph, std::vector{p.y}, {.device = kCuda});
    EXPECT_EQ(p.run(plan, 3), wanted);
    EXPECT_EQ(plan.recorded_runs(), 0U) << name;
  }
}

TEST_F(CudaGraphs, AreLeftOutWhereEveryStepIsLookedAt) {
  Pathways p;
  const auto wanted = p.run_on_cpu(3);
  Plan plan(p.graph, std::vector{p.y}, {.device = kCuda, .check_finite = true});
  EXPECT_EQ(p.run(plan, 3), wanted);
  EXPECT_EQ(plan.recorded_runs(), 0U);
}

// A step of Adam on a gradient under dropout. All that a training changes between two steps
// changes: the rate, the number of the step, the factor of the gradient, the draws, the clip.
std::vector<std::vector<float>> train(Device device, int runs) {
  const Tensor seed = Tensor::from<int64_t>({5}, {1}), iteration = Tensor::from<int64_t>({0}, {1});
  Graph graph(TrainingRules{.seed = seed, .step = iteration});
  const TensorType type{{1, 700}, DType::f32};
  const Tensor rate = Tensor::from<double>({0}, {1}), step = Tensor::from<int64_t>({0}, {1}),
               factor = Tensor::from<double>({0}, {1}), weight = random_tensor("w", type, -1, 1),
               mean = Tensor::zeros(type), square = Tensor::zeros(type);
  const Value x = graph.input("x", type), w = graph.state(weight, "w", true);
  const Value g = dropout(multiply(x, w), 0.5, random_state(graph));
  adam_step({{w, g, {graph.state(mean, "mean", true), graph.state(square, "square", true)}}},
            {.learning_rate = graph.state(rate, "rate", true),
             .step = graph.state(step, "step", true),
             .factor = graph.state(factor, "factor", true)},
            {});
  graph.move_states_to(device);
  Plan plan(graph, std::vector{g}, {.device = device});
  std::vector<std::vector<float>> found;
  for (int i = 0; i < runs; ++i) {
    plan.feed(x, random_tensor(cat("x", i), type, -1, 1));
    rate.copy_from(Tensor::from<double>({0.5 / (1 + i)}, {1}));
    step.copy_from(Tensor::from<int64_t>({i + 1}, {1}));
    factor.copy_from(Tensor::from<double>({1.0 + i}, {1}));
    iteration.copy_from(Tensor::from<int64_t>({10 * i}, {1}));
    plan.run();
    found.push_back(values(plan.fetch(g)));
    for (const Tensor& t : {weight, mean, square}) found.push_back(values(t.to(Device{})));
  }
  EXPECT_EQ(plan.recorded_runs(), device.is_host() || std::getenv("SF_CUDA_GRAPHS") ? 0U : 1U);
  return found;
}

TEST_F(CudaGraphs, ReadWhatATrainingChangesInEveryRun) {
  const auto found = train(kCuda, 5);
  const Environment setting("SF_CUDA_GRAPHS", "0");
  EXPECT_EQ(found, train(kCuda, 5));
  // Nothing of it stays: the draws too are others in every run.
  const auto zeros = [&](int run) {
    std::vector<size_t> where;
    for (size_t i = 0; i < 700; ++i)
      if (found[size_t(run) * 4][i] == 0) where.push_back(i);
    return where;
  };
  for (int run = 1; run < 5; ++run) EXPECT_NE(zeros(run), zeros(run - 1)) << run;
}

TEST_F(CudaGraphs, AreRecordedAnewWhereTheMemoryHasMoved) {
  Pathways p;
  const auto wanted = p.run_on_cpu(3);
  const auto memory = std::make_shared<ArenaMemory>(kCuda);
  Plan plan(p.graph, std::vector{p.y}, {.device = kCuda, .memory = memory});
  p.run(plan, 3);
  // A larger plan joins; the memory is given back, and what it was goes to something else.
  Graph graph;
  const Value big = graph.input("x", {{40, 3, 5, 5, 12}, DType::f32});
  Plan other(graph, std::vector{relu(big)}, {.device = kCuda, .memory = memory});
  const Tensor in_its_place({{int64_t(plan.arena_bytes())}, DType::u8}, kCuda);
  EXPECT_EQ(p.run(plan, 1)[0], wanted[0]);
  EXPECT_EQ(plan.recorded_runs(), 0U);
  EXPECT_EQ(p.run(plan, 3), wanted);
  EXPECT_EQ(plan.recorded_runs(), 1U);
}

TEST_F(CudaGraphs, AreRecordedAnewWhereAStateHasMoved) {
  Pathways p;
  p.graph.move_states_to(kCuda);
  Plan plan(p.graph, std::vector{p.y}, {.device = kCuda});
  p.run(plan, 3);
  p.graph.move_states_to({});
  p.weight.copy_from(random_tensor("other", kSmallClip, -1, 1));
  const Tensor in_its_place(kSmallClip, kCuda);
  const auto wanted = p.run_on_cpu(3);
  EXPECT_EQ(p.run(plan, 3), wanted);
  EXPECT_EQ(plan.recorded_runs(), 1U);
}

TEST_F(CudaGraphs, AreRecordedAnewWithNewConstants) {
  Graph graph;
  const Tensor frozen = random_tensor("w", kSmallClip, -1, 1);
  const Value x = graph.input("x", kSmallClip), w = graph.state(frozen, "w", false);
  const Value y = add(x, add(w, w));  // the inner sum is made once
  graph.move_states_to(kCuda);
  Plan plan(graph, std::vector{y}, {.device = kCuda});
  plan.feed(x, Tensor::zeros(kSmallClip));
  for (int i = 0; i < 3; ++i) plan.run();
  const Tensor other = random_tensor("other", kSmallClip, -1, 1);
  frozen.copy_from(other);
  plan.release_constants();
  const Tensor in_their_place(kSmallClip, kCuda);
  for (int i = 0; i < 3; ++i) {
    plan.run();
    const auto found = values(plan.fetch(y)), half = values(other);
    for (size_t at = 0; at < found.size(); ++at) ASSERT_EQ(found[at], 2 * half[at]) << i;
  }
  EXPECT_EQ(plan.recorded_runs(), 1U);
}

// Copies on the default stream, which waits.
class WaitingCopy : public Op {
 public:
  std::string_view name() const override { return "waiting_copy"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  Lowered lower(const OpSite&) const override {
    Lowered lowered;
    lowered.run = [](const Binding& b, Queue) {
      copy_bytes(b.out[0].data, kCuda, b.in[0].data, kCuda, size_t(b.in[0].type.bytes()));
    };
    return lowered;
  }
};

TEST_F(CudaGraphs, AreDoneWithoutWhereAStepCannotBeRecorded) {
  std::vector<std::string> warnings;
  const auto before =
      listen_to_warnings([&](const std::string& text) { warnings.push_back(text); });
  Graph graph;
  const Value x = graph.input("x", kSmallClip);
  const Value y = relu(graph.apply1(std::make_shared<WaitingCopy>(), {relu(x)}));
  Plan plan(graph, std::vector{y}, {.device = kCuda});
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(warnings.size(), i < 5 ? 0U : 1U);  // runs 1 to 4 try to record
    plan.feed(x, Pathways::clip(i));
    plan.run();
    const auto found = values(plan.fetch(y)), clip = values(Pathways::clip(i));
    for (size_t at = 0; at < found.size(); ++at) ASSERT_EQ(found[at], std::max(0.F, clip[at])) << i;
  }
  listen_to_warnings(before);
  EXPECT_EQ(plan.recorded_runs(), 0U);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings[0].starts_with(
      "plan: its steps are queued one by one, as they cannot be recorded: cuda: cudaMemcpy"))
      << warnings[0];
}

// Does nothing, and throws in its second and fourth call: the first tries to record.
class SpoilsTwoRecordings : public Op {
 public:
  std::string_view name() const override { return "spoils_two_recordings"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  Lowered lower(const OpSite&) const override {
    Lowered lowered;
    lowered.run = [calls = 0](const Binding&, Queue) mutable {
      ++calls;
      SF_CHECK(calls != 2 && calls != 4, "spoiled");
    };
    return lowered;
  }
};

TEST_F(CudaGraphs, AreTriedAgainAfterARecordingWasSpoiled) {
  if (std::getenv("SF_CUDA_GRAPHS")) GTEST_SKIP() << "the environment leaves graphs out";
  Graph graph;
  const Value x = graph.input("x", kSmallClip);
  const Value y = relu(x), spoiler = graph.apply1(std::make_shared<SpoilsTwoRecordings>(), {y});
  Plan plan(graph, std::vector{y, spoiler}, {.device = kCuda});
  for (int i = 0; i < 5; ++i) {
    plan.feed(x, Pathways::clip(i));
    plan.run();
    EXPECT_EQ(plan.recorded_runs(), i < 3 ? 0U : 1U) << i;
    const auto found = values(plan.fetch(y)), clip = values(Pathways::clip(i));
    for (size_t at = 0; at < found.size(); ++at) ASSERT_EQ(found[at], std::max(0.F, clip[at])) << i;
  }
}

}  // namespace
}  // namespace sf
