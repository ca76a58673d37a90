// The networks of the shipped configurations: sizes, names, plans.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "autograd/ops/conv3d.h"
#include "autograd/plan/placement.h"
#include "autograd/rewrite/rewrite.h"
#include "models/model.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

Config load(const std::string& name, const std::vector<std::string>& overrides = {}) {
  const char* folder = name.starts_with("AVA/") ? "configs" : "configs/Kinetics";
  return Config::load(fs::path(SF_SOURCE_DIR) / folder / (name + ".yaml"), overrides);
}

int64_t parameter_count(const Model& model) {
  int64_t count = 0;
  for (const Parameter& p : model.parameters())
    if (p.trainable) count += p.tensor.numel();
  return count;
}

struct Size {
  const char* config;
  int64_t parameters;
};

class Networks : public testing::TestWithParam<Size> {};

// Counted by the original implementation.
TEST_P(Networks, HaveTheOriginalsParameters) {
  EXPECT_EQ(parameter_count(*make_model(load(GetParam().config))), GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(
    Kinetics, Networks,
    testing::Values(Size{"C2D_8x8_R50", 24327632}, Size{"C2D_NLN_8x8_R50", 31686096},
                    Size{"I3D_8x8_R50", 28043472}, Size{"I3D_NLN_8x8_R50", 35401936},
                    Size{"I3D_8x8_R101", 51754192}, Size{"SLOW_8x8_R50", 32454096},
                    Size{"SLOW_NLN_8x8_R50", 39812560}, Size{"SLOWFAST_4x16_R50", 34480216},
                    Size{"SLOWFAST_8x8_R50", 34566488}, Size{"SLOWFAST_NLN_8x8_R50", 41838680},
                    Size{"c2/SLOWFAST_8x8_R101_50_50", 53774808},
                    Size{"c2/SLOWFAST_8x8_R101_50_101", 53914072},
                    Size{"c2/SLOWFAST_8x8_R101_101_101", 62826968},
                    Size{"c2/SLOWFAST_NLN_16x8_R101_50_50", 60080088},
                    Size{"AVA/c2/SLOWFAST_32x2_R101_50_50_v2.1", 59342488}),
    [](const auto& info) {
      std::string name = info.param.config;
      std::ranges::replace(name, '/', '_');
      std::ranges::replace(name, '.', '_');
      return name;
    });

// The original's state dict has one counter for each batch norm on top of these.
TEST(SlowFast, HasTheTensorsOfTheOriginal) {
  const auto model = make_model(load("SLOWFAST_8x8_R50"));
  EXPECT_EQ(model->parameters().size(), 662u - 110u);
  std::vector<std::string> names;
  for (const Parameter& p : model->parameters()) names.push_back(p.name);
  for (const char* name : {"s1.pathway0_stem.conv.weight", "s1.pathway1_stem.bn.running_var",
                           "s1_fuse.conv_f2s.weight", "s4.pathway0_res5.branch2.c_bn.bias",
                           "s2.pathway1_res0.branch1.weight", "s5.pathway1_res2.branch2.b.weight",
                           "head.projection.bias"})
    EXPECT_EQ(std::ranges::count(names, name), 1) << name;
}

TEST(Initialisation, FollowsTheRulesAndTheSeed) {
  const auto a = make_model(load("SLOWFAST_8x8_R50", {"RESNET.WIDTH_PER_GROUP", "16"}));
  const auto b = make_model(load("SLOWFAST_8x8_R50", {"RESNET.WIDTH_PER_GROUP", "16"}));
  a->initialise(1);
  b->initialise(2);
  for (size_t i = 0; i < a->parameters().size(); ++i) {
    const Parameter& p = a->parameters()[i];
    const auto values = p.tensor.span<float>();
    if (p.init.kind == Init::Kind::constant) {
      const bool one = p.name.ends_with("running_var") ||
                       (p.name.ends_with("weight") && !p.name.ends_with("c_bn.weight"));
      EXPECT_EQ(values[0], one ? 1.f : 0.f) << p.name;  // ZERO_INIT_FINAL_BN is set
      continue;
    }
    EXPECT_FALSE(std::ranges::equal(values, b->parameters()[i].tensor.span<float>())) << p.name;
    const Shape& s = p.tensor.shape();
    const double wanted = s.rank() == 2 ? 0.01 : std::sqrt(2.0 / double(s[0] * s[1] * s[2] * s[3]));
    double squares = 0;
    for (float v : values) squares += double(v) * v;
    // The deviation of n samples is off by 1 / sqrt(2 n); five times that happens once in a
    // million.
    const double n = double(values.size());
    EXPECT_NEAR(std::sqrt(squares / n), wanted, wanted * 5 / std::sqrt(2 * n)) << p.name;
  }
}

TEST(Networks, MisfitsAreNamed) {
  const auto message = [](const Config& config) {
    try {
      const auto model = make_model(config);
      Graph graph;
      std::vector<Value> clips;
      for (const TensorType& type : model->inputs(1, config.get<int64_t>("DATA.TEST_CROP_SIZE")))
        clips.push_back(graph.input("clip", type));
      model->forward(clips);
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string("no error");
  };
  EXPECT_EQ(message(load("SLOWFAST_8x8_R50", {"RESNET.DEPTH", "34"})),
            "RESNET.DEPTH: wanted 18, 50 or 101, found 34");
  EXPECT_EQ(message(load("SLOWFAST_8x8_R50", {"MODEL.ARCH", "slow"})),
            "MODEL.ARCH: 'slow' is not for MODEL.MODEL_NAME SlowFast");
  EXPECT_NE(
      message(load("SLOWFAST_8x8_R50", {"DATA.NUM_FRAMES", "30"})).find("do not fit together"),
      std::string::npos);
  EXPECT_NE(
      message(load("SLOW_8x8_R50", {"DATA.TEST_CROP_SIZE", "64"})).find("DATA.TRAIN_CROP_SIZE"),
      std::string::npos);
  EXPECT_EQ(message(load("AVA/c2/SLOW_8x8_R50", {"DETECTION.ROI_XFORM_RESOLUTION", "0"})),
            "DETECTION.ROI_XFORM_RESOLUTION: wanted at least 1, found 0");
  EXPECT_EQ(message(load("AVA/c2/SLOW_8x8_R50")),
            "network: wanted 1 pathways and boxes, found 1 inputs");
  EXPECT_EQ(message(load("SLOW_8x8_R50", {"DATA.TRAIN_CROP_SIZE", "31"})),
            "DATA.TRAIN_CROP_SIZE: wanted at least 32, found 31");
}

std::vector<fs::path> shipped_configs() {
  std::vector<fs::path> paths;
  for (const char* folder : {"configs/AVA", "configs/Kinetics", "configs/synthetic"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(SF_SOURCE_DIR) / folder))
      if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

TEST(ShippedConfigs, NoConvolutionRunsOnASlowReferenceKernel) {
  ASSERT_GE(shipped_configs().size(), 25u);
  for (const fs::path& path : shipped_configs()) {
    const Config config = Config::load(path, {});
    const auto model = make_model(config);
    Graph graph;
    const int64_t crop = config.get<int64_t>("DATA.TEST_CROP_SIZE");
    const Value out = model->forward(model_inputs(graph, *model, 1, crop, 4));
    const Rewritten r = rewrite_for_inference(graph, std::vector{out.id()});
    const std::vector<int> outputs{r[out].id()};
    const auto order = execution_order(*r.graph, outputs);
    const auto frozen = frozen_values(*r.graph, order);
    const Lanes lanes(*r.graph, order, frozen, 1);
    const Placement placement(*r.graph, order, frozen, lanes, {}, outputs, {});
    for (int n : order) {
      const auto& node = r.graph->nodes()[size_t(n)];
      const auto* conv = dynamic_cast<const Conv3dOp*>(node.op.get());
      if (!conv) continue;
      const Conv3dProblem problem = conv->problem(placement.site(n));
      const auto* kernel = select(conv3d_kernels(Backend::cpu), problem);
      ASSERT_TRUE(kernel);
      EXPECT_EQ(kernel->name.find("ref"), std::string_view::npos) << path << " " << node.name;
      EXPECT_EQ(onednn_conv3d_implementation(problem).find("ref"), std::string::npos)
          << path << " " << node.name;
    }
  }
}

}  // namespace
}  // namespace sf
