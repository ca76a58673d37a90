// TF32: what a plan may round the factors of its convolutions to.
#include <cmath>

#include "autograd/gradients.h"
#include "autograd/ops/conv3d.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

struct Found {
  std::vector<std::string> kernels;
  std::vector<Tensor> results;  // f64: y and the gradients of the sum of y dy by x and w
};

// A convolution with gradients, on numbers from [-1, 1) or their magnitudes.
Found convolution(DType dtype, const PlanOptions& options, bool magnitudes = false) {
  Graph graph;
  const Value x = graph.input("x", {{2, 3, 6, 6, 16}, dtype}),
              w = graph.input("w", {{24, 1, 3, 3, 16}, dtype}),
              dy = graph.input("dy", {{2, 3, 6, 6, 24}, dtype});
  std::vector<Value> results{conv3d(x, w, {.pad = {0, 1, 1}})};
  for (const Value v : gradients(results[0], std::vector{x, w}, dy)) results.push_back(v);
  Plan plan(graph, results, options);
  for (const Value v : {x, w, dy}) {
    Tensor fed = random_tensor(graph.info(v.id()).name, {v.shape(), DType::f32}, -1, 1);
    if (magnitudes)
      for (float& f : fed.span<float>()) f = std::abs(f);
    plan.feed(v, fed.to(dtype));
  }
  plan.run();
  Found found;
  for (const auto& step : plan.steps()) found.kernels.push_back(step.lowered.kernel);
  for (const Value v : results) found.results.push_back(plan.fetch(v).to(DType::f64));
  return found;
}

// The largest error, as a share of the sum of the magnitudes of what was added up.
double worst_error(const Found& found) {
  static const Found wanted = convolution(DType::f64, {}), size = convolution(DType::f64, {}, true);
  double worst = 0;
  for (size_t r = 0; r < found.results.size(); ++r) {
    const auto f = found.results[r].span<double>(), w = wanted.results[r].span<double>(),
               s = size.results[r].span<double>();
    for (size_t i = 0; i < f.size(); ++i) worst = std::max(worst, std::abs(f[i] - w[i]) / s[i]);
  }
  return worst;
}

constexpr double kSums = 220 * 0x1p-24;  // of up to 2 * 3 * 36 products, in any order

TEST(Tf32, AConvolutionRoundsItsFactorsOnlyWhereThePlanMay) {
  const Device simt{.backend = Backend::simt};
  const Found exact = convolution(DType::f32, {.device = simt});
  for (const std::string& name : exact.kernels)
    EXPECT_EQ(name.find("tf32"), std::string::npos) << name;
  EXPECT_LT(worst_error(exact), kSums);

  const Found rounded = convolution(DType::f32, {.device = simt, .kernels = {.tf32 = true}});
  EXPECT_EQ(rounded.kernels.size(), 3U);
  for (const std::string& name : rounded.kernels)
    EXPECT_NE(name.find("tf32"), std::string::npos) << name;
  EXPECT_LT(worst_error(rounded), kSums + 0x1p-10 + 0x1p-22);  // each factor by up to 2^-11
  EXPECT_GT(worst_error(rounded), kSums);
}

TEST(Tf32, TheCpuComputesInFloat32) {
  EXPECT_LT(worst_error(convolution(DType::f32, {.kernels = {.tf32 = true}})), kSums);
}

TEST(Tf32, HalfTypesStayWhatTheyAre) {
  const Device simt{.backend = Backend::simt};
  const Found plain = convolution(DType::bf16, {.device = simt}),
              allowed = convolution(DType::bf16, {.device = simt, .kernels = {.tf32 = true}});
  EXPECT_EQ(plain.kernels, allowed.kernels);
}

}  // namespace
}  // namespace sf
