// Batch norm over the batches of several ranks against one rank with all of them.
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>

#include "autograd/gradients.h"
#include "autograd/ops/batch_norm_training.h"
#include "autograd/rewrite/rewrite.h"
#include "dist/single_process.h"
#include "dist/thread_group.h"
#include "network.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

using Group = std::shared_ptr<ProcessGroup>;
using Tensors = std::map<std::string, Tensor>;

// relu(batch norm of x + residual), fused as in training; the gradients of its sum weighted with
// `seed`; and the running statistics behind it.
Tensors normalise(const Tensor& x, const Tensor& residual, const Tensor& seed, const Group& group) {
  const TensorType channels{{x.shape().channels()}, x.dtype()};
  Tensors result{{"mean", Tensor::zeros(channels)}, {"variance", Tensor::zeros(channels)}};
  Graph built;
  const auto state = [&](const char* name, const Tensor& t) { return built.state(t, name, true); };
  const std::vector<Value> in{state("x", x), state("residual", residual),
                              state("gamma", random_tensor("gamma", channels, 0.5, 1.5)),
                              state("beta", random_tensor("beta", channels, -1, 1))};
  const Value normalised =
      batch_norm_training(in[0],
                          {.gamma = in[2],
                           .beta = in[3],
                           .mean = state("mean", result.at("mean")),
                           .variance = state("variance", result.at("variance"))},
                          {.group = group});
  const Value sum = relu(add(normalised, in[1]));
  const Rewritten rewritten = rewrite_for_training(built, std::vector{sum.id()});
  Graph& graph = *rewritten.graph;
  std::vector<Value> wrt;
  for (const Value& v : in) wrt.push_back(rewritten[v]);
  const Value y = rewritten[sum];
  auto outputs = gradients(y, wrt, graph.state(seed, "seed", true));
  outputs.push_back(y);
  Plan plan(graph, outputs);
  plan.run();
  const char* names[] = {"dx", "dresidual", "dgamma", "dbeta", "y"};
  for (size_t i = 0; i < outputs.size(); ++i) result[names[i]] = plan.fetch(outputs[i]);
  return result;
}

// Of values of a few units, summed in another order.
constexpr double kRounding = 1e-12;

void expect_near(const Tensor& found, const Tensor& wanted, double bound, const std::string& name) {
  ASSERT_EQ(found.shape(), wanted.shape()) << name;
  for (size_t i = 0; i < size_t(found.numel()); ++i)
    ASSERT_NEAR(found.span<double>()[i], wanted.span<double>()[i], bound) << name << " " << i;
}

// What each rank with its part of the batch finds.
std::vector<Tensors> by_rank(
    const std::vector<int64_t>& parts,
    const std::function<Tensors(int64_t first, int64_t count, const Group&)>& f) {
  std::vector<Tensors> results(parts.size());
  run_thread_group(int(parts.size()), [&](const Group& group) {
    const auto rank = size_t(group->rank());
    const int64_t first = std::accumulate(parts.begin(), parts.begin() + int64_t(rank), int64_t{0});
    results[rank] = f(first, parts[rank], group);
  });
  return results;
}

void add_to(Tensor& sum, const Tensor& t) {
  if (!sum) sum = Tensor::zeros(t.type());
  for (size_t i = 0; i < size_t(t.numel()); ++i) sum.span<double>()[i] += t.span<double>()[i];
}

class SynchronisedBatchNorm : public testing::TestWithParam<std::vector<int64_t>> {};
INSTANTIATE_TEST_SUITE_P(Parts, SynchronisedBatchNorm,
                         testing::Values(std::vector<int64_t>{6}, std::vector<int64_t>{3, 3},
                                         std::vector<int64_t>{1, 1, 1, 1, 1, 1},
                                         std::vector<int64_t>{3, 1, 2}));

TEST_P(SynchronisedBatchNorm, IsOneBatchNormOverAllRanks) {
  const HangGuard guard;
  const TensorType type{{6, 2, 3, 2, 5}, DType::f64};
  const Tensor x = random_tensor("x", type, -1, 3), residual = random_tensor("r", type, -1, 1),
               seed = random_tensor("seed", type, -1, 1);
  const Tensors whole = normalise(x, residual, seed, nullptr);
  const auto ranks = by_rank(GetParam(), [&](int64_t first, int64_t count, const Group& group) {
    return normalise(rows_of(x, first, count), rows_of(residual, first, count),
                     rows_of(seed, first, count), group);
  });

  int64_t first = 0;
  Tensors sums;
  for (const Tensors& rank : ranks) {
    const int64_t count = rank.at("y").shape()[0];
    for (const char* name : {"y", "dx", "dresidual"})
      expect_near(rank.at(name), rows_of(whole.at(name), first, count), kRounding, name);
    for (const char* name : {"mean", "variance"})
      expect_near(rank.at(name), whole.at(name), kRounding, name);
    for (const char* name : {"dgamma", "dbeta"}) add_to(sums[name], rank.at(name));
    first += count;
  }
  for (const auto& [name, sum] : sums) expect_near(sum, whole.at(name), kRounding, name);
}

// A whole network with the parts of a batch: outputs, running statistics, and the gradients of
// every parameter added over the ranks.
Tensors train(const std::vector<Tensor>& clips, const Tensor& seed, const Group& group) {
  const TinySlowFast net(DType::f64);
  Graph built(TrainingRules{.batch_norm_group = group,
                            .seed = Tensor::zeros({{1}, DType::i64}),
                            .step = Tensor::zeros({{1}, DType::i64})});
  const Value out = net(built.state(clips[0], "slow", true), built.state(clips[1], "fast", true));
  const Rewritten rewritten = rewrite_for_training(built, std::vector{out.id()});
  Graph& graph = *rewritten.graph;
  std::vector<Value> wrt;
  std::vector<std::string> names;
  for (const Parameter& p : net.parameters())
    if (p.trainable) {
      wrt.push_back(graph.state(p.tensor, p.name, true));
      names.push_back(p.name);
    }
  auto outputs = gradients(rewritten[out], wrt, graph.state(seed, "seed", true));
  outputs.push_back(rewritten[out]);
  Plan plan(graph, outputs);
  plan.run();
  Tensors result{{"out", plan.fetch(outputs.back())}};
  for (size_t i = 0; i < names.size(); ++i) result[names[i]] = plan.fetch(outputs[i]);
  for (const Parameter& p : net.parameters())
    if (!p.trainable) result[p.name] = p.tensor;
  return result;
}

TEST(BatchNormOfRanks, TrainsANetworkAsOneRankWithTheWholeBatch) {
  const HangGuard guard;
  const TensorType slow{{3, 2, 16, 16, 3}, DType::f64}, fast{{3, 8, 16, 16, 3}, DType::f64};
  const Tensor clips[] = {random_tensor("slow", slow, -1, 1), random_tensor("fast", fast, -1, 1)};
  Graph shapes;
  const TensorType out =
      TinySlowFast(DType::f64)(shapes.input("slow", slow), shapes.input("fast", fast)).type();
  const Tensor seed = random_tensor("seed", out, -1, 1);
  const Tensors whole = train({clips[0], clips[1]}, seed, nullptr);
  const auto ranks = by_rank({2, 1}, [&](int64_t first, int64_t count, const Group& group) {
    return train({rows_of(clips[0], first, count), rows_of(clips[1], first, count)},
                 rows_of(seed, first, count), group);
  });

  // A dozen layers multiply roundings by the ratios of their gradients' sizes.
  const auto bound = [&](const Tensor& t) {
    double size = 1;
    for (double v : t.span<double>()) size = std::max(size, std::abs(v));
    return 100 * kRounding * size;
  };
  expect_near(ranks[0].at("out"), rows_of(whole.at("out"), 0, 2), bound(whole.at("out")), "out");
  expect_near(ranks[1].at("out"), rows_of(whole.at("out"), 2, 1), bound(whole.at("out")), "out");
  for (const auto& [name, wanted] : whole) {
    if (name == "out") continue;
    Tensor sum;
    for (const Tensors& rank : ranks) {
      if (name.find("running_") != std::string::npos)
        expect_near(rank.at(name), wanted, bound(wanted), name);
      else
        add_to(sum, rank.at(name));
    }
    if (sum) expect_near(sum, wanted, bound(wanted), name);
  }
}

template <class T>
void expect_plain_bits() {
  const TensorType type{{3, 2, 3, 3, 20}, dtype_of<T>};
  const Tensor x = random_tensor("x", type, -1, 3), residual = random_tensor("r", type, -1, 1),
               seed = random_tensor("seed", type, -1, 1);
  const Tensors plain = normalise(x, residual, seed, nullptr);
  std::vector<Tensors> alone{normalise(x, residual, seed, std::make_shared<SingleProcess>())};
  run_thread_group(
      1, [&](const Group& group) { alone.push_back(normalise(x, residual, seed, group)); });
  for (const Tensors& found : alone)
    for (const auto& [name, wanted] : plain)
      EXPECT_EQ(std::memcmp(found.at(name).data(), wanted.data(), size_t(wanted.type().bytes())), 0)
          << name;
}

TEST(BatchNormOfRanks, OfOneRankIsPlainBatchNormBitForBit) {
  const HangGuard guard;
  expect_plain_bits<float>();
  expect_plain_bits<double>();
}

TEST(BatchNormOfRanks, OfOnePixelARankNormalises) {
  const HangGuard guard;
  const TensorType type{{2, 3}, DType::f64};
  const Tensor x = random_tensor("x", type, -1, 1);
  const auto alone = [&](const Group& group) {
    const Tensor one = rows_of(x, 0, 1);
    return normalise(one, one, one, group);
  };
  try {
    alone(std::make_shared<SingleProcess>());
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "batch_norm: wanted several values a channel to normalise, found [1 3]");
  }
  const Tensors whole = normalise(x, x, x, nullptr);
  const auto ranks = by_rank({1, 1}, [&](int64_t first, int64_t count, const Group& group) {
    const Tensor part = rows_of(x, first, count);
    return normalise(part, part, part, group);
  });
  expect_near(ranks[1].at("y"), rows_of(whole.at("y"), 1, 1), kRounding, "y");
}

}  // namespace
}  // namespace sf
