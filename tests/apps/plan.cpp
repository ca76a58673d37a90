// Plans of whole networks: what they say of launches is what runs, and they need no GPU.
#include "autograd/plan/plan.h"

#include <gtest/gtest.h>

#include "apps/engine/inference_graph.h"
#include "apps/engine/setup.h"
#include "apps/engine/training_graph.h"
#include "kernels/simt/counters.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

constexpr Device kSimt{.backend = Backend::simt};
constexpr int64_t kCrop = 32;

// Devices that launch kernels and whose kernels this build has.
std::vector<Device> launching_devices() {
  std::vector<Device> devices{kSimt};
#if defined(SF_WITH_CUDA)
  devices.push_back({.backend = Backend::cuda});
#endif
  return devices;
}

Config small_config(const std::string& name) {
  Config config = SmallCase(name).config;
  for (const char* key : {"DATA.TRAIN_CROP_SIZE", "DATA.TEST_CROP_SIZE"})
    config.set(key, cat(kCrop));
  return config;
}

// Runs a plan on the executor step by step.
void expect_declared_launches(const Graph& graph, const std::vector<Value>& outputs) {
  Plan plan(graph, outputs, {.device = kSimt});
  for (int v = 0; v < graph.value_count(); ++v) {
    const Graph::ValueInfo& info = graph.info(v);
    if (info.producer >= 0 || info.state || !plan.blueprint().placement().offset(v)) continue;
    plan.feed(const_cast<Graph&>(graph).value(v), Tensor::zeros(info.type));
  }
  for (size_t s = 0; s < plan.steps().size(); ++s) {
    const Plan::Step& step = plan.steps()[s];
    const simt::Counters counters;
    plan.run(s, s + 1);
    EXPECT_EQ(counters.total().launches, step.lowered.launches)
        << step.name << ": " << step.op->name() << ", " << step.lowered.kernel;
  }
}

TEST(PlannedLaunchesSlow, AreThoseOfInference) {
  for (const char* name : {"slowfast_4x16", "i3d_nln_r50"})
    for (const std::optional<DType> half : {std::optional<DType>(), std::optional(DType::bf16)}) {
      const Config config = small_config(name);
      const auto model = initial_model(config, DType::f32);
      const InferenceGraph network(*model, 1, kCrop, {.half = half});
      expect_declared_launches(network.graph(), network.outputs());
    }
}

TEST(PlannedLaunchesSlow, AreThoseOfAStepOfTraining) {
  Config config = small_config("slowfast_4x16");
  config.set("SOLVER.CLIP_GRAD_L2NORM", "1.0");
  const auto model = initial_model(config, DType::f32);
  const Optimizer optimizer(*model, config);
  const TrainingGraph step(*model, optimizer, config,
                           train_step_options(config, 1, kSimt, training_ranks(config)));
  expect_declared_launches(*step.graph, step.outputs());
}

TEST(Planning, AClipOfSlowFast8x8R50TakesAtMost125Launches) {
  const Config config = Config::load(
      std::filesystem::path(SF_SOURCE_DIR) / "configs/Kinetics/SLOWFAST_8x8_R50.yaml", {});
  const auto model = make_model(config, DType::f32);
  for (const std::optional<DType> half :
       {std::optional<DType>(), std::optional(DType::bf16), std::optional(DType::f16)}) {
    const InferenceGraph network(*model, 1, config.get<int64_t>("DATA.TEST_CROP_SIZE"),
                                 {.half = half});
    for (const Device device : launching_devices()) {
      const Blueprint blueprint(network.graph(), network.outputs(), {.device = device, .lanes = 2});
      EXPECT_LE(blueprint.launches(), 125) << blueprint.describe();
      EXPECT_EQ(blueprint.lanes(), 2);
    }
  }
}

}  // namespace
}  // namespace sf
