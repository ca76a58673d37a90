#include "autograd/rewrite/rewrite.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/batch_norm.h"
#include "autograd/ops/conv3d.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

TEST(Rewrite, FoldedAndFusedEqualsPlain) {
  const TinySlowFast net(DType::f64);
  Graph g;
  std::vector<Value> in;
  for (const TensorType& type : net.inputs()) in.push_back(g.input(cat("clip", in.size()), type));
  Value out = net(in[0], in[1]);
  Rewritten r = rewrite_for_inference(g, std::vector{out.id()});

  std::vector<std::pair<Value, Tensor>> feeds, moved;
  for (Value v : in) {
    feeds.emplace_back(v, random_tensor(g.info(v.id()).name, v.type(), -1, 1));
    moved.emplace_back(r[v], feeds.back().second);
  }
  const Tensor plain = evaluate(out, feeds), fused = evaluate(r[out], moved);
  double largest = 0, difference = 0;
  for (size_t i = 0; i < plain.span<double>().size(); ++i) {
    largest = std::max(largest, std::abs(plain.span<double>()[i]));
    difference = std::max(difference, std::abs(plain.span<double>()[i] - fused.span<double>()[i]));
  }
  // A dozen layers of float64 sums of up to 200 terms: some hundred roundings of 1.1e-16.
  EXPECT_LT(difference, 1e-13 * largest);
  EXPECT_GT(largest, 0);
}

TEST(Rewrite, NothingButConvolutionsIsLeftOfAResidualBlock) {
  Module root;
  const ResidualBlock block(root, "res0",
                            {.in = 6, .out = 8, .inner = 4, .temporal_kernel = 3, .stride = 2});
  Graph g;
  Value out = block(g.input("x", {{1, 2, 5, 5, 6}}));
  Rewritten r = rewrite_for_inference(g, std::vector{out.id()});
  Plan plan(*r.graph, std::vector{r[out]});
  ASSERT_EQ(plan.steps().size(), 4u);
  for (const auto& step : plan.steps()) EXPECT_EQ(step.op->name(), "conv3d");
  EXPECT_EQ(plan.steps().back().name, "res0.branch2.c");
}

TEST(Rewrite, KeepsBatchNormBehindAConvolutionWithTwoReaders) {
  Module root;
  const Conv3d conv(root, "conv", {.in = 2, .out = 3});
  const BatchNorm bn(root, "bn", 3);
  Graph g;
  Value y = conv(g.input("x", {{1, 1, 2, 2, 2}}));
  Value out = add(bn(y), y);
  Rewritten r = fold_batch_norm(g, std::vector{out.id()});
  EXPECT_EQ(count_ops(*r.graph, "batch_norm"), 1);
}

TEST(Rewrite, MarkedValuesSurviveWhenTheyAreKept) {
  Module root;
  const Conv3d conv(root, "conv", {.in = 2, .out = 3});
  Graph g;
  Value y = conv(g.input("x", {{1, 1, 2, 2, 2}}));
  g.mark("before", y);
  Value out = relu(y);
  EXPECT_EQ(count_ops(*rewrite_for_inference(g, std::vector{out.id()}, true).graph, "relu"), 1);
  EXPECT_EQ(count_ops(*rewrite_for_inference(g, std::vector{out.id()}).graph, "relu"), 0);
}

}  // namespace
}  // namespace sf
