// Sums over ranks in buckets, as a plan runs them.
#include "autograd/ops/bucketed_sum.h"

#include <algorithm>
#include <mutex>

#include "autograd/gradients.h"
#include "dist/single_process.h"
#include "dist/thread_group.h"
#include "tests/autograd/network.h"
#include "tests/hang_guard.h"
#include "tests/staged_ranks.h"

namespace sf {
namespace {

constexpr std::array<int64_t, 4> kSizes{3, 16, 1, 40};  // of tensors; one fills whole lines

// Of rank + 1 times whole numbers, the sums over the ranks of their doubles.
struct Doubled {
  explicit Doubled(std::shared_ptr<ReductionQueue> queue, int64_t bytes) {
    BucketedSum sum(std::move(queue), bytes);
    for (size_t i = 0; i < kSizes.size(); ++i) {
      in.push_back(graph.input(cat("x", i), {{1, 1, 1, kSizes[i]}}));
      doubled.push_back(add(in.back(), in.back()));
      sum.add(doubled.back());
    }
    sums = sum.finish();
  }
  void run(Plan& plan, int rank) const {
    for (size_t i = 0; i < in.size(); ++i) {
      std::vector<float> values;
      for (int64_t k = 0; k < kSizes[i]; ++k)
        values.push_back(float(rank + 1) * float(100 * i + k));
      plan.feed(in[i], Tensor::from(values, in[i].shape()));
    }
    plan.run();
  }
  void expect_sums(const Plan& plan, int ranks) const {
    const int factor = ranks * (ranks + 1);  // twice the sum of 1 .. ranks
    for (size_t i = 0; i < sums.size(); ++i) {
      EXPECT_EQ(sums[i].type(), in[i].type());
      const Tensor found = plan.fetch(sums[i]);
      for (int64_t k = 0; k < kSizes[i]; ++k)
        ASSERT_EQ(found.span<float>()[size_t(k)], float(factor) * float(100 * i + k));
    }
  }

  Graph graph;
  std::vector<Value> in, doubled, sums;
};

std::vector<std::string> kernels(const Plan& plan, const std::string& op) {
  std::vector<std::string> all;
  for (const auto& step : plan.steps())
    if (step.op->name() == op) all.push_back(step.lowered.kernel);
  return all;
}

TEST(BucketedSum, AddsUpWithOrWithoutSharedMemory) {
  const HangGuard guard;
  run_thread_group(3, [](const auto& world) {
    const auto queue = std::make_shared<ReductionQueue>(world->consecutive(3));
    for (const int64_t bytes : {1, 70, 1 << 20})
      for (const auto& [device, reuse] :
           {std::pair("cpu", true), {"cpu", false}, {"simt", false}}) {
        const Doubled d(queue, bytes);
        Plan plan(d.graph, d.sums, {.device = Device::parse(device), .reuse_buffers = reuse});
        for (int run = 0; run < 2; ++run) {
          d.run(plan, world->rank());
          d.expect_sums(plan, 3);
        }
        for (const char* op : {"start_sum", "finish_sum"}) {
          const auto found = kernels(plan, op);
          EXPECT_EQ(found.size(), bytes == 1 ? 4U : bytes == 70 ? 2U : 1U);
          EXPECT_EQ(std::ranges::count(found, "in_place"), reuse ? std::ssize(found) : 0);
        }
      }
    world->barrier();
  });
}

TEST(CudaBucketedSum, WaitsForTheStreamsThatMakeItsTensors) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  const HangGuard guard;
  const Device gpu{.backend = Backend::cuda};
  run_thread_group(2, [&](const auto& host) {
    const auto group = std::make_shared<test::StagedRanks>(host->consecutive(2), gpu);
    const auto queue = std::make_shared<ReductionQueue>(group);
    for (const int64_t bytes : {1, 70, 1 << 20}) {
      const Doubled d(queue, bytes);
      Plan plan(d.graph, d.sums, {.device = gpu});
      for (int run = 0; run < 5; ++run) {
        d.run(plan, host->rank());
        d.expect_sums(plan, 2);
      }
      EXPECT_EQ(plan.recorded_runs(), 0U);
    }
    host->barrier();
  });
}

TEST(BucketedSum, LeavesWhatOthersReadAsItIs) {
  const HangGuard guard;
  run_thread_group(2, [](const auto& world) {
    const Doubled d(std::make_shared<ReductionQueue>(world->consecutive(2)), 1 << 20);
    Graph& graph = d.doubled[1].graph();
    const Value own = add(d.doubled[1], d.doubled[1]);
    EXPECT_EQ(&graph, &own.graph());
    std::vector<Value> outputs = d.sums;
    outputs.push_back(own);
    outputs.push_back(d.doubled[3]);
    Plan plan(d.graph, outputs);
    d.run(plan, world->rank());
    d.expect_sums(plan, 2);
    EXPECT_EQ(kernels(plan, "start_sum"), std::vector<std::string>{"copies_2"});
    EXPECT_EQ(plan.fetch(own).span<float>()[5], 4 * float(world->rank() + 1) * 105);
    EXPECT_EQ(plan.fetch(d.doubled[3]).span<float>()[5], 2 * float(world->rank() + 1) * 305);
    world->barrier();
  });
}

TEST(BucketedSum, RefusesWhatIsNoGradient) {
  Graph graph;
  BucketedSum sum(std::make_shared<ReductionQueue>(std::make_shared<SingleProcess>()), 1);
  const Value counts = graph.input("counts", {{3}, DType::i64});
  EXPECT_THROW(sum.add(counts), Error);
}

// x feeds two nodes; what its gradient needs is there once the first of them was passed.
TEST(Gradients, AreReadyBeforeTheReversePassGoesOn) {
  Graph graph;
  const auto input = [&](const char* name) { return graph.input(name, {{2, 3}, DType::f64}); };
  const Value a = input("a"), b = input("b"), c = input("c");
  const Value y = multiply(multiply(multiply(a, b), b), c);
  std::vector<size_t> order, nodes;
  const auto all = gradients(y, std::vector{a, b, c}, input("seed"), [&](size_t i, Value g) {
    EXPECT_EQ(g.type(), y.type());
    order.push_back(i);
    nodes.push_back(graph.nodes().size());
  });
  EXPECT_EQ(order, (std::vector<size_t>{2, 0, 1}));
  EXPECT_LT(nodes[0], nodes[1]);
  EXPECT_EQ(nodes[2], graph.nodes().size());
  for (const Value& g : all) EXPECT_TRUE(g);
}

}  // namespace
}  // namespace sf
