#include "models/weights.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "models/torchvision_names.h"

namespace sf {
namespace {

Config tiny() {
  Config config;
  config.set("MODEL.MODEL_NAME", "ResNet");
  config.set("MODEL.ARCH", "slow");
  config.set("RESNET.WIDTH_PER_GROUP", "8");
  config.set("MODEL.NUM_CLASSES", "4");
  return config;
}

// The first values of the published generator for one name, computed by an independent
// implementation in Python.
TEST(CounterWeights, AreTheSameInEveryLanguage) {
  const auto values = counter_uniform("s1.pathway0_stem.conv.weight", 3, -1, 1);
  EXPECT_EQ(values, (std::vector<float>{0x1.169ac0p-3f, -0x1.82328cp-1f, -0x1.dcb72cp-1f}));
}

TEST(LoadWeights, ReportsEveryTensorThatDoesNotMatch) {
  const auto model = make_model(tiny());
  NamedTensors tensors;
  for (const Parameter& p : model->parameters())
    if (p.name != "s1.pathway0_stem.bn.bias")
      tensors.emplace_back(p.name, Tensor::zeros(p.tensor.type()));
  tensors.emplace_back("s1.pathway0_stem.bn.num_batches_tracked", Tensor::zeros({{}, DType::i64}));
  tensors.emplace_back("optimizer.nonsense", Tensor::zeros({{2}}));
  for (auto& [name, tensor] : tensors)
    if (name == "head.projection.weight") tensor = Tensor::zeros({{7, 3}});

  const LoadReport report = load_weights(*model, tensors);
  EXPECT_EQ(report.missing, std::vector<std::string>{"s1.pathway0_stem.bn.bias"});
  EXPECT_EQ(report.unused, std::vector<std::string>{"optimizer.nonsense"});
  ASSERT_EQ(report.mismatched.size(), 1u);
  EXPECT_EQ(report.loaded.size(), model->parameters().size() - 2);
  const auto lines = report.lines();
  EXPECT_EQ(lines[0],
            "Network weights head.projection.weight not loaded: wanted [4 256], found [7 3].");
  EXPECT_EQ(lines[1], "Network weights s1.pathway0_stem.bn.bias not loaded: not in the file.");
  EXPECT_EQ(lines[2], "Network weights optimizer.nonsense not used.");
}

TEST(LoadWeights, ConvertsToTheTypeOfTheModel) {
  const auto single = make_model(tiny()), sharp = make_model(tiny(), DType::f64);
  fill_counter_weights(*single);
  NamedTensors tensors;
  for (const Parameter& p : single->parameters()) tensors.emplace_back(p.name, p.tensor);
  EXPECT_TRUE(load_weights(*sharp, tensors).mismatched.empty());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto from = tensors[i].second.span<float>();
    const auto to = sharp->parameters()[i].tensor.span<double>();
    for (size_t k = 0; k < from.size(); ++k) ASSERT_EQ(double(from[k]), to[k]) << tensors[i].first;
  }
}

TEST(LoadWeights, AWrongHeadKeepsItsInitialValues) {
  const auto model = make_model(tiny());
  model->initialise(1);
  const auto& head = model->parameters()[model->parameters().size() - 2];
  ASSERT_EQ(head.name, "head.projection.weight");
  const Tensor before = head.tensor.clone();
  const LoadReport report = load_weights(*model, {{head.name, Tensor::zeros({{400, 256}})}});
  EXPECT_EQ(report.mismatched.size(), 1u);
  EXPECT_TRUE(std::ranges::equal(before.span<float>(), head.tensor.span<float>()));
}

TEST(LoadWeights, NamePatternsAreClearedOnce) {
  const auto model = make_model(tiny());
  const Tensor bias = Tensor::from(std::vector<float>{1, 2, 3, 4}, {4});
  const LoadReport report = load_weights(*model, {{"backbone.backbone.head.projection.bias", bias}},
                                         {.clear_name_patterns = {"backbone.", "backbone."}});
  EXPECT_EQ(report.loaded, std::vector<std::string>{"head.projection.bias"});
  EXPECT_EQ(load_weights(*model, {{"backbone.backbone.head.projection.bias", bias}},
                         {.clear_name_patterns = {"backbone."}})
                .unused.size(),
            1u);
}

TEST(TorchvisionNames, AreThoseOfTheFirstPathway) {
  const std::pair<const char*, const char*> kNames[] = {
      {"conv1.weight", "s1.pathway0_stem.conv.weight"},
      {"bn1.running_var", "s1.pathway0_stem.bn.running_var"},
      {"layer1.0.conv1.weight", "s2.pathway0_res0.branch2.a.weight"},
      {"layer3.5.bn2.bias", "s4.pathway0_res5.branch2.b_bn.bias"},
      {"layer4.2.conv3.weight", "s5.pathway0_res2.branch2.c.weight"},
      {"layer2.0.downsample.0.weight", "s3.pathway0_res0.branch1.weight"},
      {"layer2.0.downsample.1.running_mean", "s3.pathway0_res0.branch1_bn.running_mean"},
      {"fc.bias", "head.projection.bias"},
      {"s3.pathway0_res0.branch1.weight", "s3.pathway0_res0.branch1.weight"},
  };
  for (const auto& [from, to] : kNames) EXPECT_EQ(from_torchvision_name(from), to);
}

}  // namespace
}  // namespace sf
