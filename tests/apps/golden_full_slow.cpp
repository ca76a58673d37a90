// Networks of full size against the original implementation's logits.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apps/engine/inference.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

// The largest difference of logits, as a share of the largest of those stored: 1 x T x H x W x
// classes, of which ours are the means over positions; or boxes x classes.
double difference(const Tensor& found, const Tensor& stored) {
  const auto logits = found.span<float>(), values = stored.span<float>();
  std::vector<double> wanted(logits.size(), 0);
  for (size_t i = 0; i < values.size(); ++i)
    wanted[i % wanted.size()] += double(values[i]) * double(wanted.size()) / double(values.size());
  double largest = 0, difference = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    largest = std::max(largest, std::abs(wanted[i]));
    difference = std::max(difference, std::abs(wanted[i] - double(logits[i])));
  }
  return difference / largest;
}

class FullNetworksSlow : public testing::TestWithParam<const char*> {};

TEST_P(FullNetworksSlow, LogitsAreTheOriginals) {
  const std::string name = GetParam();
  const Safetensors golden = read_safetensors(golden_dir() / "full" / (name + ".safetensors"));
  const Config config =
      Config::load(std::filesystem::path(SF_SOURCE_DIR) / golden.metadata.at("config"), {});
  const auto model = make_model(config);
  fill_counter_weights(*model);

  const int64_t frames = config.get<int64_t>("DATA.NUM_FRAMES"),
                crop = config.get<int64_t>("DATA.TEST_CROP_SIZE");
  const Tensor fast =
      Tensor::from(counter_uniform(name + ".input", 3 * frames * crop * crop, -2, 2),
                   {1, 3, frames, crop, crop});
  std::vector<Tensor> pathways{fast};
  if (model->inputs(1, crop).size() == 2)
    pathways = {slow_frames(fast, frames / config.get<int64_t>("SLOWFAST.ALPHA")), fast};
  auto clips = clips_of(pathways, DType::f32);
  if (model->detects()) add_boxes(clips, golden.at("boxes"));
  Inference network(*model, crop, {.keep_stages = true});
  const auto result = network.run(clips);
  // float32 against float32 of another order, through some 50 layers of sums of up to 11520 terms.
  const double plain = difference(result.logits, golden.at("logits"));
  EXPECT_LT(plain, 2e-4);
  // What SF.WINOGRAD may cost.
  Inference fast_network(*model, crop, {.kernels = {.winograd = true}});
  const double winograd = difference(fast_network.run(clips).logits, golden.at("logits"));
  EXPECT_LT(winograd, 1e-3);
  RecordProperty("plain", fmt::format("{:.1e}", plain));
  RecordProperty("winograd", fmt::format("{:.1e}", winograd));

  for (const auto& [stage, value] : result.stages) {
    if (!golden.contains(stage + ".mean_std_absmax")) continue;
    const auto reference = golden.at(stage + ".mean_std_absmax").span<float>();
    const Statistics found = statistics(value);
    EXPECT_NEAR(found.mean, reference[0], 2e-4 * reference[1]) << stage;
    EXPECT_NEAR(found.deviation, reference[1], 2e-4 * reference[1]) << stage;
    EXPECT_NEAR(found.largest, reference[2], 2e-4 * reference[2]) << stage;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, FullNetworksSlow,
                         testing::Values("Kinetics_C2D_8x8_R50", "Kinetics_I3D_8x8_R50",
                                         "Kinetics_I3D_NLN_8x8_R50", "Kinetics_SLOW_8x8_R50",
                                         "Kinetics_SLOWFAST_4x16_R50", "Kinetics_SLOWFAST_8x8_R50",
                                         "AVA_c2_SLOWFAST_32x2_R101_50_50_v2.1"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace sf
