// Sums of a batch norm in training that the convolution before it gathers.
#include <cmath>
#include <cstring>

#include "autograd/gradients.h"
#include "autograd/ops/batch_norm_training.h"
#include "autograd/ops/conv3d.h"
#include "autograd/rewrite/rewrite.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

struct Options {
  int64_t in = 8, out = 16;
  Conv3dParams conv{.pad = {0, 1, 1}};
  BatchNormTraining norm{};
  DType dtype = DType::f32;
};

// relu(batch norm(convolution(x))) of whole numbers, whose sums are exact in every order.
struct Network {
  explicit Network(const Options& options) {
    const DType dtype = options.dtype, single = arithmetic_of(dtype);
    const auto state = [&](const char* name, const Tensor& t) {
      return built.state(t, name, true);
    };
    const auto channels = [&](const char* name, int64_t values, float lo, float hi) {
      return random_tensor(name, {{values}, single}, lo, hi);
    };
    const int64_t statistics = options.norm.splits * options.out;
    x = state("x", whole_numbers("x", {{2, 3, 9, 7, options.in}, dtype}));
    const Shape weight{options.out, 1, 3, 3, options.in / options.conv.groups};
    w = state("w", whole_numbers("w", {weight, dtype}));
    mean = channels("mean", statistics, -1, 1);
    variance = channels("variance", statistics, 1, 2);
    gamma = state("gamma", channels("gamma", options.out, 0.5F, 1.5F));
    beta = state("beta", channels("beta", options.out, -1, 1));
    convolved = conv3d(x, w, options.conv);
    y = relu(batch_norm_training(convolved,
                                 {.gamma = gamma,
                                  .beta = beta,
                                  .mean = state("mean", mean),
                                  .variance = state("variance", variance)},
                                 options.norm));
  }

  Graph built;
  Tensor mean, variance;
  Value x, w, gamma, beta, convolved, y;
};

// How many passes over activations for sums are left.
int sums_left(const Options& options, Backend backend) {
  const Network net(options);
  const Rewritten r = fuse_batch_norm_sums(net.built, std::vector{net.y.id()}, backend);
  EXPECT_EQ(count_ops(*r.graph, "conv3d"), 1);
  return count_ops(*r.graph, "batch_norm_sums");
}

// y, the convolution's output, all gradients and the statistics after one step.
std::vector<Tensor> step(const Options& options, Device device, bool fused) {
  Network net(options);
  const std::vector keep{net.y.id(), net.convolved.id()};
  Rewritten r = rewrite_for_training(net.built, keep);
  if (fused) {
    const std::vector kept{r[net.y].id(), r[net.convolved].id()};
    Rewritten next = fuse_batch_norm_sums(*r.graph, kept, device.backend);
    r = std::move(r).then(std::move(next));
  }
  EXPECT_EQ(count_ops(*r.graph, "batch_norm_sums"), fused ? 0 : 1);
  const Value y = r[net.y];
  const Tensor seed = random_tensor("seed", y.type(), -1, 1);
  auto outputs = gradients(y, std::vector{r[net.x], r[net.w], r[net.gamma], r[net.beta]},
                           r.graph->state(seed, "seed", true));
  outputs.push_back(y);
  outputs.push_back(r[net.convolved]);
  r.graph->move_states_to(device);
  Plan plan(*r.graph, outputs, {.device = device});
  plan.run();
  std::vector<Tensor> results{net.mean, net.variance};
  for (Value v : outputs) results.push_back(plan.fetch(v));
  return results;
}

TEST(FuseBatchNormSums, ChangesNoBitWhereSumsAreExact) {
  struct Place {
    const char* device;
    DType dtype;
  };
  for (const auto& [device, dtype] : {Place{"simt", DType::f32},
                                      {"simt", DType::bf16},
                                      {"simt", DType::f16},
                                      {"cpu", DType::f64}}) {
    SCOPED_TRACE(cat(device, " ", name_of(dtype)));
    const auto plain = step({.dtype = dtype}, Device::parse(device), false);
    const auto fused = step({.dtype = dtype}, Device::parse(device), true);
    ASSERT_EQ(plain.size(), fused.size());
    for (size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(plain[i].type(), fused[i].type());
      EXPECT_EQ(std::memcmp(plain[i].data(), fused[i].data(), size_t(plain[i].type().bytes())), 0)
          << i;
    }
  }
}

TEST(FuseBatchNormSums, LeavesWhatTheChosenKernelDoesNotGather) {
  EXPECT_EQ(sums_left({}, Backend::simt), 0);
  EXPECT_EQ(sums_left({}, Backend::cpu), 1);  // oneDNN
  EXPECT_EQ(sums_left({.norm = {.splits = 2}}, Backend::simt), 1);
  const Options depthwise{.out = 8, .conv = {.pad = {0, 1, 1}, .groups = 8}};
  EXPECT_EQ(sums_left(depthwise, Backend::simt), 1);
}

}  // namespace
}  // namespace sf
