// Gradients of weights that are made clip by clip: parts of a batch make the bits of the whole.
#include "autograd/gradients.h"
#include "autograd/ops/conv3d.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/sum_pairs.h"
#include "tests/autograd/network.h"
#include "tests/error_of.h"

namespace sf {
namespace {

Tensor pair_sum(const Tensor& x, Device device = {}) {
  Graph g;
  const Value in = g.input("x", x.type());
  return evaluate(sum_pairs(in, {x.shape()[1], x.shape()[2]}), {{in, x}}, {.device = device});
}

std::vector<float> added(const Tensor& a, const Tensor& b) {
  std::vector<float> sum = values(a);
  for (size_t i = 0; float v : values(b)) sum[i++] += v;
  return sum;
}

std::vector<float> part(const Tensor& x, int64_t i) { return values(rows_of(x, i, 1)); }

TEST(SumPairs, IsThatOfTheSumsOfHalves) {
  for (const int64_t n : {4, 5, 7, 8, 12, 16}) {
    const Tensor x = random_tensor("x", {{n, 3, 35}}, -1, 1);
    const auto wanted =
        added(pair_sum(rows_of(x, 0, n / 2)), pair_sum(rows_of(x, n / 2, n - n / 2)));
    EXPECT_EQ(values(pair_sum(x)), wanted) << n;
  }
}

TEST(SumPairs, OfTwoAndThreeIsWrittenOut) {
  const Tensor x = random_tensor("x", {{3, 3, 35}}, -1, 1);
  EXPECT_EQ(values(pair_sum(rows_of(x, 0, 2))), added(rows_of(x, 0, 1), rows_of(x, 1, 1)));
  std::vector<float> wanted = part(x, 0);
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += part(x, 1)[i] + part(x, 2)[i];
  EXPECT_EQ(values(pair_sum(x)), wanted);
}

TEST(SumPairs, IsTheSameOnTheExecutor) {
  const Tensor x = random_tensor("x", {{6, 3, 35}}, -1, 1);
  EXPECT_EQ(values(pair_sum(x, {.backend = Backend::simt})), values(pair_sum(x)));
}

TEST(SumPairs, OfOneOrOfOtherSizesIsRefused) {
  for (const Shape& shape : {Shape{1, 6}, Shape{2, 5}}) {
    Graph g;
    const Value x = g.input("x", {shape});
    EXPECT_EQ(error_of([&] { sum_pairs(x, {6}); }),
              cat("sum_pairs: wants several tensors like [6] in one, found ", shape));
  }
}

// In double, for which there is one kernel.
struct Layer {
  const char* name;
  TensorType x, dy;
  std::vector<std::pair<const char*, TensorType>> parameters;
  std::function<Value(const std::vector<Value>&)> apply;
};

// The layer's gradients by x and by its parameters, of some rows of a batch.
std::vector<Tensor> gradients_of(const Layer& layer, const Tensor& x, const Tensor& dy,
                                 bool by_clip, Device device = {}) {
  Graph g(TrainingRules{.gradients_by_clip = by_clip, .seed = {}, .step = {}});
  const Value in = g.input("x", x.type());
  std::vector<Value> wrt{in};
  for (const auto& [name, type] : layer.parameters)
    wrt.push_back(g.state(random_tensor(name, {type.shape, x.dtype()}, -1, 1), name, true));
  const Value y = layer.apply(wrt);
  const Value seed = g.input("seed", y.type());
  const std::vector<Value> grads = gradients(y, wrt, seed);
  Plan plan(g, grads, {.device = device});
  plan.feed(in, x);
  plan.feed(seed, dy);
  plan.run();
  std::vector<Tensor> all;
  for (const Value& v : grads) all.push_back(plan.fetch(v));
  return all;
}

const Layer kLayers[] = {
    {"conv3d",
     {{4, 2, 5, 5, 3}, DType::f64},
     {{4, 2, 5, 5, 6}, DType::f64},
     {{"weight", {{6, 3, 3, 3, 3}, DType::f64}}, {"bias", {{6}, DType::f64}}},
     [](const std::vector<Value>& in) {
       return conv3d(in[0], in[1], {.pad = {1, 1, 1}}, in[2]);
     }},
    {"linear",
     {{4, 3, 7}, DType::f64},
     {{4, 3, 5}, DType::f64},
     {{"weight", {{5, 7}, DType::f64}}, {"bias", {{5}, DType::f64}}},
     [](const std::vector<Value>& in) { return linear(in[0], in[1], in[2]); }}};

class GradientsByClip : public testing::TestWithParam<Layer> {};
INSTANTIATE_TEST_SUITE_P(Layers, GradientsByClip, testing::ValuesIn(kLayers),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(GradientsByClip, OfHalvesAddUpToThoseOfTheBatch) {
  const Tensor x = random_tensor("x", GetParam().x, -1, 1),
               dy = random_tensor("dy", GetParam().dy, -1, 1);
  const auto all = gradients_of(GetParam(), x, dy, true);
  const auto first = gradients_of(GetParam(), rows_of(x, 0, 2), rows_of(dy, 0, 2), true),
             second = gradients_of(GetParam(), rows_of(x, 2, 2), rows_of(dy, 2, 2), true);
  EXPECT_TRUE(equal_bits(rows_of(all[0], 0, 2), first[0]));
  EXPECT_TRUE(equal_bits(rows_of(all[0], 2, 2), second[0]));
  for (size_t p = 1; p < all.size(); ++p) {
    SCOPED_TRACE(p);
    Tensor sum = first[p].copy_on({});
    for (size_t i = 0; double v : second[p].span<double>()) sum.span<double>()[i++] += v;
    EXPECT_TRUE(equal_bits(all[p], sum));
  }
}

// The executor's kernels in float, clip after clip in the memory that they zero.
TEST_P(GradientsByClip, OfHalvesAddUpOnTheExecutorToo) {
  constexpr Device kSimt{.backend = Backend::simt};
  const Tensor x = random_tensor("x", {GetParam().x.shape}, -1, 1),
               dy = random_tensor("dy", {GetParam().dy.shape}, -1, 1);
  const auto all = gradients_of(GetParam(), x, dy, true, kSimt);
  const auto first = gradients_of(GetParam(), rows_of(x, 0, 2), rows_of(dy, 0, 2), true, kSimt),
             second = gradients_of(GetParam(), rows_of(x, 2, 2), rows_of(dy, 2, 2), true, kSimt);
  for (size_t p = 1; p < all.size(); ++p)
    EXPECT_EQ(values(all[p]), added(first[p], second[p])) << p;
}

// A sum of some hundred terms of up to 1 in double.
TEST_P(GradientsByClip, AreTheGradients) {
  const Tensor x = random_tensor("x", GetParam().x, -1, 1),
               dy = random_tensor("dy", GetParam().dy, -1, 1);
  const auto found = gradients_of(GetParam(), x, dy, true),
             wanted = gradients_of(GetParam(), x, dy, false);
  for (size_t g = 0; g < found.size(); ++g) {
    ASSERT_EQ(found[g].type(), wanted[g].type());
    for (size_t i = 0; i < found[g].span<double>().size(); ++i)
      ASSERT_NEAR(found[g].span<double>()[i], wanted[g].span<double>()[i], 1e-12) << g;
  }
}

TEST_P(GradientsByClip, OfOneClipNeedNoSum) {
  Graph g(TrainingRules{.gradients_by_clip = true, .seed = {}, .step = {}});
  TensorType one = GetParam().x;
  one.shape.set(0, 1);
  std::vector<Value> wrt{g.input("x", one)};
  for (const auto& [name, type] : GetParam().parameters)
    wrt.push_back(g.state(Tensor::zeros(type), name, true));
  const Value y = GetParam().apply(wrt);
  gradients(y, wrt, g.input("seed", y.type()));
  EXPECT_EQ(count_ops(g, "sum_pairs"), 0);
}

}  // namespace
}  // namespace sf
