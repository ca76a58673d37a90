// Three steps of training narrow networks against the original implementation's numbers.
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "apps/engine/stored_batch.h"
#include "apps/engine/train_step.h"
#include "kernels/base/cuda/runtime.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

class GoldenTraining : public testing::TestWithParam<const char*> {
 protected:
  GoldenTraining() : golden(GetParam()) {
    train = read_safetensors(golden_dir() / "small" / (golden.name + ".train.safetensors"));
  }

  void run(DType dtype, Device device = {}) {
    model = make_model(golden.config, dtype);
    fill_counter_weights(*model);
    Optimizer optimizer(*model, golden.config);
    const auto pathways = read_inputs(golden.file, golden.name, *model);
    TrainStep step(*model, optimizer, golden.config,
                   {.batch = pathways[0].shape()[0],
                    .crop = pathways[0].shape()[2],
                    .keep_gradients = true,
                    .device = device});
    optimizer.set_learning_rate(0.001);
    for (int i = 1; i <= 3; ++i) {
      optimizer.set_step(i);
      const TrainStep::Result result = step.run(pathways, train.at("train.labels"), i);
      losses.push_back(result.loss);
      if (i > 1) continue;
      output = result.logits.to(DType::f64);
      for (const auto& [name, gradient] : step.gradients()) gradients[name] = gradient;
    }
  }

  // Norms in the stored order.
  std::vector<double> gradient_norms() {
    std::vector<double> norms;
    for (const auto& name : nlohmann::json::parse(train.metadata.at("train.param_names")))
      norms.push_back(norm(gradients.at(name.get<std::string>())));
    return norms;
  }
  std::vector<double> norms_after(const std::string& kind) {
    std::map<std::string, Tensor> tensors;
    for (const Parameter& p : model->parameters()) tensors[p.name] = p.tensor;
    std::vector<double> norms;
    for (const auto& name : nlohmann::json::parse(train.metadata.at("train." + kind + "_names")))
      norms.push_back(norm(tensors.at(name.get<std::string>())));
    return norms;
  }
  std::span<const double> stored(const std::string& name) const {
    return train.at(name).span<double>();
  }

  // relative, and 1e-9 where the stored value is below 1e-3.
  static void expect_near(std::span<const double> found, std::span<const double> wanted,
                          double relative, const char* what) {
    ASSERT_EQ(found.size(), wanted.size()) << what;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const double size = std::abs(wanted[i]);
      EXPECT_NEAR(found[i], wanted[i], size < 1e-3 ? 1e-9 : relative * size) << what << " " << i;
    }
  }

  static double distance(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (size_t i = 0; i < b.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum);
  }

  static double length(std::span<const double> a) {
    return distance(a, std::vector<double>(a.size()));
  }

  // The bounds are multiples of how far the original's own float32 lies from its float64.
  void expect_as_close_as_the_originals() {
    const Tensor out = output.to(DType::f32), wanted = train.at("train.output").to(DType::f32);
    EXPECT_LT(relative_difference(out.span<float>(), wanted.span<float>()), 1e-3);
    EXPECT_NEAR(losses[0] / stored("train.losses")[0], 1, ill_conditioned() ? 1e-4 : 1e-5);

    const auto expect_close = [&](const std::vector<double>& found, const std::string& what,
                                  double factor) {
      const auto exact = stored("train." + what), rounded = stored("train_f32." + what);
      EXPECT_LT(distance(found, exact), factor * distance(rounded, exact) + 1e-4 * length(exact))
          << what;
    };
    expect_close(gradient_norms(), "grad_norms", 10);
    expect_close(norms_after("param"), "param_norms_after3", 20);
    expect_close(norms_after("buffer"), "buffer_norms_after3", 20);
  }

  // The non-local blocks of this case multiply unnormalised features, so that one rounding of the
  // input (1e-16 of it) moves these norms by 2e-4 of themselves within three steps, and float32
  // moves the original's own first loss by 4e-5: more cannot be asked of its later numbers.
  bool ill_conditioned() const { return golden.name == "i3d_nln_r50"; }

  SmallCase golden;
  Safetensors train;
  std::unique_ptr<Model> model;
  std::vector<double> losses;
  Tensor output;
  std::map<std::string, Tensor> gradients;
};

TEST_P(GoldenTraining, Float64StepsAreTheOriginals) {
  run(DType::f64);
  expect_near(losses, stored("train.losses"), 1e-6, "loss of step");
  expect_near(output.span<double>(), train.at("train.output").to(DType::f64).span<double>(), 1e-6,
              "output");
  expect_near(gradient_norms(), stored("train.grad_norms"), 1e-6, "gradient norm");
  const double later = ill_conditioned() ? 1e-3 : 1e-6;
  expect_near(norms_after("param"), stored("train.param_norms_after3"), later, "parameter norm");
  expect_near(norms_after("buffer"), stored("train.buffer_norms_after3"),
              ill_conditioned() ? 1e-5 : 1e-6, "buffer norm");
  int whole = 0;
  for (const auto& [name, wanted] : train.tensors) {
    const std::string prefix = "train.grad.";
    if (!name.starts_with(prefix)) continue;
    const Tensor found = channels_first_from_last(gradients.at(name.substr(prefix.size())));
    const Tensor as_f32 = found.to(DType::f32), stored_f32 = wanted.to(DType::f32);
    EXPECT_LT(relative_difference(as_f32.span<float>(), stored_f32.span<float>()), 1e-5) << name;
    ++whole;
  }
  EXPECT_EQ(whole, 8);
}

TEST_P(GoldenTraining, Float32StepsAreAsCloseAsTheOriginals) {
  run(DType::f32);
  expect_as_close_as_the_originals();
}

class GoldenTrainingSlow : public GoldenTraining {};

TEST_P(GoldenTrainingSlow, StepsOnTheExecutorOfCudaKernelsAreAsCloseAsTheOriginals) {
  run(DType::f32, {.backend = Backend::simt});
  expect_as_close_as_the_originals();
}

TEST_P(GoldenTraining, StepsOnCudaAreAsCloseAsTheOriginals) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  run(DType::f32, {.backend = Backend::cuda});
  expect_as_close_as_the_originals();
}

const auto kNetworks = testing::Values("c2d_r50", "i3d_nln_r50", "slow_r50", "slowfast_4x16",
                                       "slowfast_r50", "ava_slow_r50", "ava_slowfast_r50");
const auto kItself = [](const auto& info) { return std::string(info.param); };
INSTANTIATE_TEST_SUITE_P(Small, GoldenTraining, kNetworks, kItself);
INSTANTIATE_TEST_SUITE_P(Small, GoldenTrainingSlow, kNetworks, kItself);

}  // namespace
}  // namespace sf
