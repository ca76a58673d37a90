// The video ResNets: C2D, I3D and Slow with one pathway, SlowFast with two (arXiv:1812.03982, table
// 1).
#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "autograd/ops/pool3d.h"
#include "layers/detection_head.h"
#include "layers/head.h"
#include "layers/lateral_fusion.h"
#include "layers/residual.h"
#include "layers/stem.h"
#include "models/model.h"

namespace sf {
namespace {

constexpr int kStages = 4;       // res2 .. res5
constexpr int kStemToHead = 32;  // spatial stride of the whole network at crop sizes

using Ints = std::vector<int>;

// What MODEL.ARCH stands for.
struct Arch {
  // Temporal kernels by pathway: the stem's, then for each stage the pattern that its blocks
  // repeat.
  std::vector<std::array<Ints, kStages + 1>> temporal_kernels;
  int temporal_pool = 1;  // behind res2
};

const Arch& find_arch(const std::string& name) {
  static const Arch k2d{{{Ints{1}, {1}, {1}, {1}, {1}}}, 1},
      kC2d{{{Ints{1}, {1}, {1}, {1}, {1}}}, 2}, kI3d{{{Ints{5}, {3}, {3, 1}, {3, 1}, {1, 3}}}, 2},
      kSlowI3d{{{Ints{5}, {3}, {3, 1}, {3, 1}, {1, 3}}}, 1},
      kSlow{{{Ints{1}, {1}, {1}, {3}, {3}}}, 1},
      kSlowFast{{{Ints{1}, {1}, {1}, {3}, {3}}, {Ints{5}, {3}, {3}, {3}, {3}}}, 1};
  static const std::map<std::string, const Arch*> kArchs{
      {"2d", &k2d},     {"c2d", &kC2d},          {"slow_c2d", &k2d},      {"i3d", &kI3d},
      {"slow", &kSlow}, {"slow_i3d", &kSlowI3d}, {"slowfast", &kSlowFast}};
  const auto found = kArchs.find(name);
  SF_CHECK(found != kArchs.end(),
           "MODEL.ARCH: wanted one of 2d, c2d, i3d, slow, slow_c2d, slow_i3d, slowfast, found '",
           name, "'");
  return *found->second;
}

std::array<int, kStages> find_depths(int depth) {
  switch (depth) {
    case 18: return {2, 2, 2, 2};
    case 50: return {3, 4, 6, 3};
    case 101: return {3, 4, 23, 3};
    default: throw Error(cat("RESNET.DEPTH: wanted 18, 50 or 101, found ", depth));
  }
}

// Element [stage][pathway] of a nested list of the configuration.
template <class T>
T at(const std::vector<std::vector<T>>& lists, int stage, int pathway, const char* key) {
  SF_CHECK(size_t(stage) < lists.size() && size_t(pathway) < lists[size_t(stage)].size(), key,
           ": wanted an entry for stage ", stage + 2, " of pathway ", pathway, ", found none");
  return lists[size_t(stage)][size_t(pathway)];
}

int configured_splits(const Config& config) {
  if (config.get<std::string>("BN.NORM_TYPE") != "sub_batchnorm") return 1;
  const int splits = config.get<int>("BN.NUM_SPLITS");
  SF_CHECK(splits > 0, "BN.NUM_SPLITS: wanted at least 1, found ", splits);
  return splits;
}

class VideoResNet : public Model {
 public:
  VideoResNet(const Config& config, DType dtype);
  std::vector<TensorType> inputs(int64_t batch, ClipSize size) const override;
  bool detects() const override { return detection_head_ != nullptr; }
  Value forward(const std::vector<Value>& clips) const override;

 private:
  void add_classification_head(const Config& config, const Ints& channels);
  void add_detection_head(const Config& config, const Ints& channels);
  ResidualStage::Options stage_options(const Config& config, int stage, int pathway, int in) const;
  int width(int pathway) const { return pathway == 0 ? width_ : width_ / beta_inv_; }
  int frames(int pathway) const { return two() && pathway == 0 ? frames_ / alpha_ : frames_; }
  bool two() const { return pathways_ == 2; }

  const Arch& arch_;
  int pathways_, width_, beta_inv_, alpha_, frames_;
  Ints input_channels_;
  std::vector<std::unique_ptr<Module>> scopes_;                      // s1 .. s5
  std::vector<std::unique_ptr<ResNetStem>> stems_;                   // by pathway
  std::vector<std::vector<std::unique_ptr<ResidualStage>>> stages_;  // [stage][pathway]
  std::vector<std::unique_ptr<FuseFastToSlow>> fusions_;  // behind the stem and res2 .. res4
  std::unique_ptr<ClassificationHead> head_;              // one of the two
  std::unique_ptr<DetectionHead> detection_head_;
};

ResidualStage::Options VideoResNet::stage_options(const Config& config, int stage, int pathway,
                                                  int in) const {
  const int blocks = find_depths(config.get<int>("RESNET.DEPTH"))[size_t(stage)];
  const int scale = 1 << stage;
  ResidualStage::Options o;
  o.block = {
      .transform = config.get<std::string>("RESNET.TRANS_FUNC"),
      .in = in,
      .out = 4 * width(pathway) * scale,
      .inner = config.get<int>("RESNET.NUM_GROUPS") * width(pathway) * scale,
      .stride = at(config.get<std::vector<Ints>>("RESNET.SPATIAL_STRIDES"), stage, pathway,
                   "RESNET.SPATIAL_STRIDES"),
      .dilation = at(config.get<std::vector<Ints>>("RESNET.SPATIAL_DILATIONS"), stage, pathway,
                     "RESNET.SPATIAL_DILATIONS"),
      .groups = config.get<int>("RESNET.NUM_GROUPS"),
      .stride_1x1 = !two() && config.get<bool>("RESNET.STRIDE_1X1"),  // SlowFast ignores the key
      .zero_final_bn = config.get<bool>("RESNET.ZERO_INIT_FINAL_BN"),
      .zero_final_conv = config.get<bool>("RESNET.ZERO_INIT_FINAL_CONV"),
      // Growing with depth, as stochastic depth has it.
      .drop_connect = config.get<double>("MODEL.DROPCONNECT_RATE") * (stage + 2) / 5};

  const int temporal = at(config.get<std::vector<Ints>>("RESNET.NUM_BLOCK_TEMP_KERNEL"), stage,
                          pathway, "RESNET.NUM_BLOCK_TEMP_KERNEL");
  SF_CHECK(temporal <= blocks, "RESNET.NUM_BLOCK_TEMP_KERNEL: wanted at most the ", blocks,
           " blocks of stage ", stage + 2, ", found ", temporal);
  const Ints& pattern = arch_.temporal_kernels[size_t(pathway)][size_t(stage) + 1];
  for (int i = 0; i < blocks; ++i)
    o.temporal_kernels.push_back(i < temporal ? pattern[size_t(i) % pattern.size()] : 1);

  o.nonlocal_blocks = at(config.get<std::vector<std::vector<Ints>>>("NONLOCAL.LOCATION"), stage,
                         pathway, "NONLOCAL.LOCATION");
  for (int block : o.nonlocal_blocks)
    SF_CHECK(block >= 0 && block < blocks, "NONLOCAL.LOCATION: wanted blocks below ", blocks,
             " in stage ", stage + 2, ", found ", block);
  if (!o.nonlocal_blocks.empty()) {
    const Ints pool = at(config.get<std::vector<std::vector<Ints>>>("NONLOCAL.POOL"), stage,
                         pathway, "NONLOCAL.POOL");
    SF_CHECK(pool.size() == 3, "NONLOCAL.POOL: wanted 3 sizes, found ", pool.size());
    o.nonlocal = {.pool = {pool[0], pool[1], pool[2]},
                  .groups = at(config.get<std::vector<Ints>>("NONLOCAL.GROUP"), stage, pathway,
                               "NONLOCAL.GROUP"),
                  .instantiation = config.get<std::string>("NONLOCAL.INSTANTIATION"),
                  .zero_final_bn = o.block.zero_final_bn};
  }
  return o;
}

VideoResNet::VideoResNet(const Config& config, DType dtype)
    : Model(dtype, configured_splits(config)),
      arch_(find_arch(config.get<std::string>("MODEL.ARCH"))),
      pathways_(int(arch_.temporal_kernels.size())),
      width_(config.get<int>("RESNET.WIDTH_PER_GROUP")),
      beta_inv_(config.get<int>("SLOWFAST.BETA_INV")),
      alpha_(config.get<int>("SLOWFAST.ALPHA")),
      frames_(config.get<int>("DATA.NUM_FRAMES")),
      input_channels_(config.get<Ints>("DATA.INPUT_CHANNEL_NUM")) {
  SF_CHECK(two() == (config.get<std::string>("MODEL.MODEL_NAME") == "SlowFast"), "MODEL.ARCH: '",
           config.get<std::string>("MODEL.ARCH"), "' is not for MODEL.MODEL_NAME ",
           config.get<std::string>("MODEL.MODEL_NAME"));
  SF_CHECK(int(input_channels_.size()) >= pathways_, "DATA.INPUT_CHANNEL_NUM: wanted ", pathways_,
           " entries, found ", input_channels_.size());
  SF_CHECK(!two() || (beta_inv_ > 0 && width_ / beta_inv_ > 0 && alpha_ > 0 && frames_ >= alpha_),
           "SLOWFAST: ALPHA ", alpha_, " and BETA_INV ", beta_inv_, " leave no frames or channels");

  scopes_.push_back(std::make_unique<Module>(*this, "s1"));
  Ints in(size_t(pathways_), 0);
  for (int p = 0; p < pathways_; ++p) {
    in[size_t(p)] = width(p);
    stems_.push_back(std::make_unique<ResNetStem>(
        *scopes_[0], cat("pathway", p, "_stem"),
        ResNetStem::Options{.in = input_channels_[size_t(p)],
                            .out = width(p),
                            .temporal_kernel = arch_.temporal_kernels[size_t(p)][0][0]}));
  }
  const auto fuse = [&](int stage) {
    if (!two()) return;
    const int ratio = config.get<int>("SLOWFAST.FUSION_CONV_CHANNEL_RATIO");
    fusions_.push_back(std::make_unique<FuseFastToSlow>(
        *this, cat("s", stage, "_fuse"),
        FuseFastToSlow::Options{.fast_channels = in[1],
                                .channel_ratio = ratio,
                                .kernel = config.get<int>("SLOWFAST.FUSION_KERNEL_SZ"),
                                .alpha = alpha_}));
    in[0] += in[1] * ratio;
  };
  fuse(1);
  for (int stage = 0; stage < kStages; ++stage) {
    scopes_.push_back(std::make_unique<Module>(*this, cat("s", stage + 2)));
    stages_.emplace_back();
    for (int p = 0; p < pathways_; ++p) {
      const auto options = stage_options(config, stage, p, in[size_t(p)]);
      stages_.back().push_back(std::make_unique<ResidualStage>(*scopes_.back(), p, options));
      in[size_t(p)] = options.block.out;
    }
    if (stage + 1 < kStages) fuse(stage + 2);
  }

  if (config.get<bool>("DETECTION.ENABLE"))
    add_detection_head(config, in);
  else
    add_classification_head(config, in);
}

void VideoResNet::add_classification_head(const Config& config, const Ints& channels) {
  const int crop = config.get<int>("DATA.TRAIN_CROP_SIZE") / kStemToHead;
  ClassificationHead::Options head{.channels = channels,
                                   .pool = {},
                                   .classes = config.get<int>("MODEL.NUM_CLASSES"),
                                   .activation = config.get<std::string>("MODEL.HEAD_ACT"),
                                   .dropout = config.get<double>("MODEL.DROPOUT_RATE"),
                                   .init_deviation = config.get<double>("MODEL.FC_INIT_STD")};
  // Clips of multigrid training have many sizes.
  const bool any_size =
      config.get<bool>("MULTIGRID.LONG_CYCLE") || config.get<bool>("MULTIGRID.SHORT_CYCLE");
  SF_CHECK(any_size || crop > 0, "DATA.TRAIN_CROP_SIZE: wanted at least ", kStemToHead, ", found ",
           config.get<int>("DATA.TRAIN_CROP_SIZE"));
  for (int p = 0; p < pathways_; ++p)
    head.pool.push_back(any_size ? std::array{0, 0, 0}
                                 : std::array{frames(p) / arch_.temporal_pool, crop, crop});
  head_ = std::make_unique<ClassificationHead>(*this, "head", head);
}

void VideoResNet::add_detection_head(const Config& config, const Ints& channels) {
  const int side = config.get<int>("DETECTION.ROI_XFORM_RESOLUTION"),
            stride = config.get<int>("DETECTION.SPATIAL_SCALE_FACTOR");
  SF_CHECK(side > 0, "DETECTION.ROI_XFORM_RESOLUTION: wanted at least 1, found ", side);
  SF_CHECK(stride > 0, "DETECTION.SPATIAL_SCALE_FACTOR: wanted at least 1, found ", stride);
  detection_head_ = std::make_unique<DetectionHead>(
      *this, "head",
      DetectionHead::Options{.channels = channels,
                             .roi = {.resolution = side,
                                     .spatial_scale = 1.0 / stride,
                                     .aligned = config.get<bool>("DETECTION.ALIGNED")},
                             .classes = config.get<int>("MODEL.NUM_CLASSES"),
                             .activation = config.get<std::string>("MODEL.HEAD_ACT"),
                             .dropout = config.get<double>("MODEL.DROPOUT_RATE"),
                             .init_deviation = config.get<double>("MODEL.FC_INIT_STD")});
}

std::vector<TensorType> VideoResNet::inputs(int64_t batch, ClipSize size) const {
  std::vector<TensorType> types;
  for (int p = 0; p < pathways_; ++p)
    types.push_back(
        {{batch, frames(p), size.height, size.width, input_channels_[size_t(p)]}, dtype()});
  return types;
}

Value VideoResNet::forward(const std::vector<Value>& clips) const {
  SF_CHECK(int(clips.size()) == pathways_ + int(detects()), "network: wanted ", pathways_,
           " pathways", detects() ? " and boxes" : "", ", found ", clips.size(), " inputs");
  Graph& graph = clips[0].graph();
  std::vector<Value> x(clips.begin(), clips.begin() + pathways_);
  const auto mark = [&](const std::string& stage) {
    for (size_t p = 0; p < x.size(); ++p) graph.mark(cat("act.", stage, ".", p), x[p]);
  };
  const auto fuse = [&](int stage) {
    mark(cat("s", stage));
    if (!two() || stage > kStages) return;
    x[0] = (*fusions_[size_t(stage) - 1])(x[0], x[1]);
    mark(cat("s", stage, "_fuse"));
  };
  {
    Graph::Scope scope(graph, "s1");
    for (size_t p = 0; p < x.size(); ++p) x[p] = (*stems_[p])(x[p]);
  }
  fuse(1);
  for (int stage = 0; stage < kStages; ++stage) {
    {
      Graph::Scope scope(graph, cat("s", stage + 2));
      for (size_t p = 0; p < x.size(); ++p) x[p] = (*stages_[size_t(stage)][p])(x[p]);
    }
    fuse(stage + 2);
    for (size_t p = 0; stage == 0 && p < x.size(); ++p) {
      Graph::Scope scope(graph, cat("pathway", p, "_pool"));
      const int pool = arch_.temporal_pool;
      if (pool > 1) x[p] = max_pool3d(x[p], {.kernel = {pool, 1, 1}, .stride = {pool, 1, 1}});
      graph.mark(cat("act.pathway", p, "_pool.0"), x[p]);
    }
  }
  return detects() ? (*detection_head_)(x, clips.back()) : (*head_)(x);
}

const auto kMake = [](const Config& config, DType dtype) {
  return std::make_unique<VideoResNet>(config, dtype);
};
const bool kRegistered =
    model_registry().add("ResNet", kMake) && model_registry().add("SlowFast", kMake);

}  // namespace
}  // namespace sf
