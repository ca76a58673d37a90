// A ResNet-50 for pictures, as torchvision publishes those of ImageNet, in networks for clips.
#include <algorithm>

#include <gtest/gtest.h>

#include "models/torchvision_names.h"
#include "models/weights.h"
#include "tensor/checkpoint.h"
#include "tests/tensor/outside_files.h"
#include "tests/tensor/pickle_bytes.h"
#include "tests/tensor/zip_bytes.h"

namespace sf {
namespace {

constexpr int64_t kWidth = 8;  // of the first convolution; 64 in the published network
constexpr int64_t kPictureClasses = 1000;

// Every tensor with random values.
NamedTensors picture_network() {
  NamedTensors tensors;
  const auto put = [&](const std::string& name, Shape shape) {
    tensors.emplace_back(name, Tensor::from(counter_uniform(name, shape.numel(), -1, 1), shape));
  };
  const auto norm = [&](const std::string& name, int64_t channels) {
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
      put(name + part, {channels});
    tensors.emplace_back(name + ".num_batches_tracked", Tensor::zeros({{}, DType::i64}));
  };
  put("conv1.weight", {kWidth, 3, 7, 7});
  norm("bn1", kWidth);
  const int blocks[] = {3, 4, 6, 3};
  int64_t in = kWidth;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t inner = kWidth << stage;
    for (int i = 0; i < blocks[stage]; ++i) {
      const std::string block = cat("layer", stage + 1, ".", i);
      put(block + ".conv1.weight", {inner, in, 1, 1});
      norm(block + ".bn1", inner);
      put(block + ".conv2.weight", {inner, inner, 3, 3});
      norm(block + ".bn2", inner);
      put(block + ".conv3.weight", {4 * inner, inner, 1, 1});
      norm(block + ".bn3", 4 * inner);
      if (i == 0) {
        put(block + ".downsample.0.weight", {4 * inner, in, 1, 1});
        norm(block + ".downsample.1", 4 * inner);
      }
      in = 4 * inner;
    }
  }
  put("fc.weight", {kPictureClasses, in});
  put("fc.bias", {kPictureClasses});
  return tensors;
}

// torch.save of an OrderedDict of the tensors, each with a storage of its own.
void write_torch_file(const std::filesystem::path& path, const NamedTensors& tensors) {
  using namespace pickled;
  std::string pairs;
  ZipContents contents(1);
  for (const auto& [name, value] : tensors) {
    Items sizes, strides;
    int64_t stride = 1;
    for (int axis = value.shape().rank(); axis-- > 0; stride *= value.shape()[axis]) {
      sizes.insert(sizes.begin(), integer(value.shape()[axis]));
      strides.insert(strides.begin(), integer(stride));
    }
    const std::string key = std::to_string(contents.size() - 1);
    const char* type = value.dtype() == DType::f32 ? "FloatStorage" : "LongStorage";
    pairs += text(name) + tensor(storage(type, key, value.numel()), 0, sizes, strides);
    contents.emplace_back(
        "resnet50/data/" + key,
        std::string(reinterpret_cast<const char*>(value.data()), size_t(value.type().bytes())));
  }
  const std::string empty = call(global("collections", "OrderedDict"), tuple({}));
  contents[0] = {"resnet50/data.pkl", whole(cat(empty, "(", pairs, "u"))};
  write_zip(path, contents);
}

// Slice t of a convolution O T H W I is the picture's weight O I H W divided by the number of
// slices; everything else is as in the file.
void expect_inflated(const Parameter& parameter, const Tensor& picture) {
  const Shape& s = parameter.tensor.shape();
  const auto flat = picture.span<float>(), values = parameter.tensor.span<float>();
  for (int64_t i = 0; i < s.numel(); ++i) {
    float wanted = 0;
    if (s.rank() == 5) {
      const int64_t c = i % s[4], w = i / s[4] % s[3], h = i / s[4] / s[3] % s[2],
                    o = i / (s.numel() / s[0]);
      wanted = flat[size_t(((o * s[4] + c) * s[2] + h) * s[3] + w)] * (1 / float(s[1]));
    } else {
      wanted = flat[size_t(i)];
    }
    ASSERT_EQ(values[size_t(i)], wanted) << parameter.name << " " << i;
  }
}

class Inflation : public testing::TestWithParam<const char*> {};

TEST_P(Inflation, SpreadsAnImageNetFileOverTime) {
  const std::vector<std::string> narrow{"RESNET.WIDTH_PER_GROUP", std::to_string(kWidth)};
  const Config config = Config::load(
      std::filesystem::path(SF_SOURCE_DIR) / "configs" / "Kinetics" / GetParam(), narrow);
  ASSERT_TRUE(config.get<bool>("TRAIN.CHECKPOINT_INFLATE"));
  const auto model = make_model(config);
  const TemporaryFolder folder;
  const NamedTensors written = picture_network();
  write_torch_file(folder / "resnet50.pth", written);
  const Checkpoint file = load_checkpoint(folder / "resnet50.pth");
  EXPECT_EQ(file.format, "PyTorch zip");
  ASSERT_EQ(file.tensors.size(), written.size());

  // Without inflation convolutions are refused and named.
  EXPECT_EQ(load_weights(*model, file.tensors).mismatched.size(), 2u + 53);
  const LoadReport report = load_weights(*model, file.tensors, {.inflate = true});
  EXPECT_EQ(report.inflated.size(), 53u);
  EXPECT_TRUE(report.missing.empty());
  EXPECT_TRUE(report.unused.empty());
  // The classes are others.
  ASSERT_EQ(report.mismatched.size(), 2u);
  EXPECT_EQ(report.mismatched[0].name, "head.projection.weight");
  EXPECT_EQ(report.mismatched[1].name, "head.projection.bias");
  size_t compared = 0;
  for (const Parameter& p : model->parameters()) {
    if (p.name.starts_with("head.")) continue;
    const auto source = std::ranges::find_if(
        written, [&](const auto& t) { return from_torchvision_name(t.first) == p.name; });
    ASSERT_NE(source, written.end()) << p.name;
    expect_inflated(p, source->second);
    ++compared;
  }
  EXPECT_EQ(compared, 53u * 5);  // each convolution has a norm of four vectors
}

INSTANTIATE_TEST_SUITE_P(ImageNetConfigs, Inflation,
                         testing::Values("C2D_8x8_R50_IN1K.yaml", "I3D_8x8_R50_IN1K.yaml"),
                         [](const auto& info) { return std::string(info.param, 3); });

}  // namespace
}  // namespace sf
