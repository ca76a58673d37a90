// Plans on a CUDA device give what they give on the CPU: on a GPU or its stand-in.
#include "autograd/gradients.h"
#include "autograd/ops/concat.h"
#include "autograd/ops/constant.h"
#include "autograd/ops/pointwise.h"
#include "autograd/ops/reshape.h"
#include "autograd/plan/plan.h"
#include "tests/autograd/network.h"
#include "tests/error_of.h"

namespace sf {
namespace {

class CudaPlan : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  }

  // relu(x w + x), of an input and a state: one rounding each on every device.
  CudaPlan() {
    const Value x = graph_.input("x", kSmallClip), w = graph_.state(weight_, "w", true);
    const Graph::Scope scope(graph_, "s2");
    x_ = x;
    y_ = relu(add(multiply(x, w), x));
  }

  Graph graph_;
  Tensor weight_ = random_tensor("w", kSmallClip, -1, 1),
         clip_ = random_tensor("x", kSmallClip, -1, 1);
  Value x_, y_;
};

TEST_F(CudaPlan, EqualsThatOnTheCpuBitForBit) {
  const auto run = [&](const PlanOptions& options) {
    graph_.move_states_to(options.device);
    Plan plan(graph_, std::vector{y_}, options);
    plan.feed(x_, clip_);
    plan.run();
    return values(plan.fetch(y_));
  };
  const auto wanted = run({});
  EXPECT_EQ(run({.device = kCuda}), wanted);
  EXPECT_EQ(run({.device = kCuda, .reuse_buffers = false}), wanted);
  EXPECT_EQ(run({.device = kCuda, .check_finite = true}), wanted);
  EXPECT_EQ(run({}), wanted);  // the state came back
}

TEST_F(CudaPlan, GradientsToo) {
  const Value dy = graph_.input("dy", kSmallClip);
  const Value dx = gradients(y_, std::vector{x_}, dy)[0];
  std::vector<float> found[2];
  for (const Device device : {Device{}, kCuda}) {
    graph_.move_states_to(device);
    Plan plan(graph_, std::vector{dx}, {.device = device});
    plan.feed(x_, clip_);
    plan.feed(dy, random_tensor("dy", kSmallClip, -1, 1));
    plan.run();
    found[device == kCuda] = values(plan.fetch(dx));
  }
  EXPECT_EQ(found[0], found[1]);
}

TEST_F(CudaPlan, ConstantsAndCopiesToo) {
  const Value three = constant(graph_, {{2, 450}, DType::f32}, 3);
  // The input outlives its reshape, which therefore is a copy.
  const Value folded = reshape(x_, {2, 900}),
              joined = concat({reshape(three, {4, 225}), reshape(folded, {4, 450})});
  graph_.move_states_to(kCuda);
  Plan plan(graph_, std::vector{folded, joined, x_}, {.device = kCuda});
  plan.feed(x_, clip_);
  plan.run();
  EXPECT_EQ(values(plan.fetch(folded)), values(clip_));
  const auto found = values(plan.fetch(joined));
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_EQ(found[i], i % 675 < 225 ? 3 : clip_.span<float>()[i / 675 * 450 + i % 675 - 225])
        << i;
}

// Each stream waits for the other twice in a run, and starts behind the run before.
TEST_F(CudaPlan, PathwaysOnTwoStreamsToo) {
  Graph graph;
  const Value x = graph.input("x", kSmallClip);
  Value slow = x, fast = x;
  for (int stage = 0; stage < 2; ++stage) {
    const auto on = [&](const char* pathway, auto f) {
      const Graph::Scope scope(graph, pathway);
      return f();
    };
    fast = on("pathway1", [&] { return relu(add(fast, slow)); });
    slow = on("pathway0", [&] { return add(multiply(slow, slow), fast); });
  }
  const Value y = add(slow, fast);
  std::vector<float> found[2];
  for (const Device device : {Device{}, kCuda}) {
    Plan plan(graph, std::vector{y}, {.device = device});
    EXPECT_EQ(plan.blueprint().lanes(), device == kCuda ? 2 : 1);
    plan.feed(x, clip_);
    for (int run = 0; run < 3; ++run) plan.run();
    found[device == kCuda] = values(plan.fetch(y));
  }
  EXPECT_EQ(found[0], found[1]);
}

TEST_F(CudaPlan, AStateElsewhereIsNamed) {
  EXPECT_EQ(error_of([&] { Plan(graph_, std::vector{y_}, {.device = kCuda}); }),
            "plan: 'w' is on cpu, wanted it on cuda:0");
}

TEST_F(CudaPlan, ANaNIsFoundAtItsStep) {
  clip_.span<float>()[7] = std::numeric_limits<float>::quiet_NaN();
  graph_.move_states_to(kCuda);
  Plan plan(graph_, std::vector{y_}, {.device = kCuda, .check_finite = true});
  plan.feed(x_, clip_);
  const std::string error = error_of([&] { plan.run(); });
  EXPECT_TRUE(error.starts_with("s2") && error.ends_with("gave a value that is not finite"))
      << error;
}

TEST_F(CudaPlan, AnOpWithoutAKernelIsNamed) {
  Graph graph;
  const Value x = graph.input("x", {kSmallClip.shape, DType::f64});
  const Graph::Scope scope(graph, "s2");
  const Value y = relu(x);
  EXPECT_EQ(error_of([&] { Plan(graph, std::vector{y}, {.device = kCuda}); }),
            "s2: relu: no kernel of device cuda:0 can run it on f64[2 3 5 5 12]");
}

}  // namespace
}  // namespace sf
