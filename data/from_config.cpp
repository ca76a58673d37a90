// The options of the data sets and loaders as a configuration states them.
#include <algorithm>
#include <cmath>
#include <optional>

#include "configs/config.h"
#include "configs/device_name.h"
#include "data/ava.h"
#include "data/cuda_decoder.h"
#include "data/kinetics.h"
#include "data/random_draws.h"
#include "data/test_loader.h"
#include "data/train_loader.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

std::array<float, 3> three_floats(const Config& config, std::string_view key) {
  const auto values = config.get<std::vector<double>>(key);
  SF_CHECK(values.size() == 3, key, ": wanted 3 values, found ", values.size());
  return {float(values[0]), float(values[1]), float(values[2])};
}

bool has_slow_pathway(const Config& config) {
  const auto arch = config.get<std::string>("MODEL.ARCH");
  const auto lists = [&](std::string_view key) {
    const auto names = config.get<std::vector<std::string>>(key);
    return std::find(names.begin(), names.end(), arch) != names.end();
  };
  const bool multi = lists("MODEL.MULTI_PATHWAY_ARCH");
  SF_CHECK(
      multi || lists("MODEL.SINGLE_PATHWAY_ARCH"),
      "MODEL.ARCH: wanted one of MODEL.SINGLE_PATHWAY_ARCH and MODEL.MULTI_PATHWAY_ARCH, found ",
      arch);
  return multi;
}

ClipSampling clip_sampling(const Config& config) {
  return {.num_frames = config.get<int64_t>("DATA.NUM_FRAMES"),
          .sampling_rate = config.get<int64_t>("DATA.SAMPLING_RATE"),
          .target_fps = config.get<double>("DATA.TARGET_FPS"),
          .offset_sampling = config.get<bool>("DATA.USE_OFFSET_SAMPLING")};
}

Normalization normalization(const Config& config) {
  return {.mean = three_floats(config, "DATA.MEAN"),
          .std = three_floats(config, "DATA.STD"),
          .reverse_channels = config.get<bool>("DATA.REVERSE_INPUT_CHANNEL")};
}

// Where clips are made.
Device clip_device(const Config& config) {
  if (config.get<std::string>("SF.DECODER") == "cpu") return {};
  const Device device = Device::parse(device_name(config));
  SF_CHECK(device.backend != Backend::cpu,
           "SF.DECODER: wanted cpu where the network runs on the CPU (SF.DEVICE), found cuda");
  const std::string fault = device.backend == Backend::cuda ? cuda_decoder_fault() : "";
  SF_CHECK(fault.empty(), "SF.DECODER: wanted the CUDA decoder, found none: ", fault);
  return device;
}

// What the loaders of all splits share.
template <class Options>
void set_common(Options& o, const Config& config) {
  o.sampling = clip_sampling(config);
  o.frame_order = parse_frame_order(config.get<std::string>("SF.FRAME_ORDER"), "SF.FRAME_ORDER");
  o.normalization = normalization(config);
  o.alpha = has_slow_pathway(config) ? config.get<int64_t>("SLOWFAST.ALPHA") : 0;
  o.device = clip_device(config);
  o.workers = config.get<int>("DATA_LOADER.NUM_WORKERS");
  o.decode_timeout_seconds = config.get<double>("SF.DECODE_TIMEOUT");
  o.memory_bytes = int64_t(config.get<double>("SF.LOADER_MEMORY") * double(int64_t(1) << 30));
}

// Two values, the first not above the second; empty for an empty list.
std::optional<std::array<double, 2>> range(const Config& config, std::string_view key) {
  const auto values = config.get<std::vector<double>>(key);
  if (values.empty()) return {};
  SF_CHECK(values.size() == 2 && values[0] > 0 && values[0] <= values[1], key,
           ": wanted none or 2 rising values above 0, found ",
           values.size() == 2 ? "others" : cat(values.size()));
  return std::array{values[0], values[1]};
}

std::optional<RelativeCrop> relative_crop(const Config& config) {
  const auto scale = range(config, "DATA.TRAIN_JITTER_SCALES_RELATIVE");
  const auto aspect = range(config, "DATA.TRAIN_JITTER_ASPECT_RELATIVE");
  SF_CHECK(
      scale.has_value() == aspect.has_value(),
      "DATA.TRAIN_JITTER_SCALES_RELATIVE and DATA.TRAIN_JITTER_ASPECT_RELATIVE: wanted both or "
      "none, found one");
  if (!scale) return {};
  return RelativeCrop{.scale = *scale,
                      .aspect = *aspect,
                      .motion_shift = config.get<bool>("DATA.TRAIN_JITTER_MOTION_SHIFT")};
}

SpatialJitter train_jitter(const Config& config) {
  const auto scales = config.get<std::vector<int64_t>>("DATA.TRAIN_JITTER_SCALES");
  SF_CHECK(scales.size() == 2, "DATA.TRAIN_JITTER_SCALES: wanted 2 sizes, found ", scales.size());
  return {.min_short_side = int(scales[0]),
          .max_short_side = int(scales[1]),
          .inverse_uniform = config.get<bool>("DATA.INV_UNIFORM_SAMPLE"),
          .flip = config.get<bool>("DATA.RANDOM_FLIP")};
}

int64_t all_machines(const Config& config, int64_t batch_of_one) {
  return batch_of_one * config.get<int64_t>("NUM_SHARDS");
}

// The short cycle of multigrid training makes small crops in larger batches first.
std::vector<BatchShape> batch_shapes(const Config& config, Split split) {
  const BatchShape last{.videos = all_machines(config, config.get<int64_t>("TRAIN.BATCH_SIZE")),
                        .crop = config.get<int>("DATA.TRAIN_CROP_SIZE")};
  if (split != Split::train || !config.get<bool>("MULTIGRID.SHORT_CYCLE")) return {last};
  auto full = double(config.get<int64_t>("MULTIGRID.DEFAULT_S"));
  if (full <= 0) full = last.crop;
  std::vector<BatchShape> shapes;
  for (double factor : config.get<std::vector<double>>("MULTIGRID.SHORT_CYCLE_FACTORS")) {
    const double ratio = last.crop / (factor * full);
    shapes.push_back({.videos = last.videos * int64_t(std::nearbyint(ratio * ratio)),
                      .crop = int(std::nearbyint(factor * full))});
  }
  shapes.push_back(last);
  return shapes;
}

}  // namespace

KineticsOptions kinetics_options(const Config& config, Split split) {
  const std::filesystem::path folder = config.get<std::string>("DATA.PATH_TO_DATA_DIR");
  return {.list = folder / cat(name_of(split), ".csv"),
          .separator = config.get<std::string>("DATA.PATH_LABEL_SEPARATOR"),
          .path_prefix = config.get<std::string>("DATA.PATH_PREFIX"),
          .num_classes = config.get<int64_t>("MODEL.NUM_CLASSES")};
}

std::unique_ptr<Dataset> make_kinetics(Split split, const Config& config) {
  return std::make_unique<KineticsDataset>(kinetics_options(config, split));
}

AvaOptions ava_options(const Config& config, Split split) {
  const auto files = [&](std::string_view folder, std::string_view key) {
    const std::filesystem::path parent = config.get<std::string>(folder);
    std::vector<std::filesystem::path> paths;
    for (const auto& name : config.get<std::vector<std::string>>(key))
      paths.push_back(parent / name);
    return paths;
  };
  const bool train = split == Split::train;
  const bool all = split != Split::val || config.get<bool>("AVA.FULL_TEST_ON_VAL");
  const auto seconds = config.get<std::vector<int64_t>>("SF.AVA_SECONDS");
  SF_CHECK(seconds.size() == 2, "SF.AVA_SECONDS: wanted the first and the last, found ",
           seconds.size(), " numbers");
  AvaOptions o{
      .frame_lists = files("AVA.FRAME_LIST_DIR", train ? "AVA.TRAIN_LISTS" : "AVA.TEST_LISTS"),
      .frame_folder = config.get<std::string>("AVA.FRAME_DIR"),
      .detections = files("AVA.ANNOTATION_DIR",
                          train ? "AVA.TRAIN_PREDICT_BOX_LISTS" : "AVA.TEST_PREDICT_BOX_LISTS"),
      .least_score = config.get<double>("AVA.DETECTION_SCORE_THRESH"),
      .every = all ? 1 : 4,
      .num_classes = config.get<int64_t>("MODEL.NUM_CLASSES"),
      .fps = config.get<double>("SF.AVA_FPS"),
      .start_second = config.get<int64_t>("SF.AVA_START_SECOND"),
      .seconds = {seconds[0], seconds[1]}};
  if (train) o.annotations = files("AVA.ANNOTATION_DIR", "AVA.TRAIN_GT_BOX_LISTS");
  return o;
}

std::unique_ptr<Dataset> make_ava(Split split, const Config& config) {
  return std::make_unique<AvaDataset>(ava_options(config, split));
}

TestLoaderOptions test_loader_options(const Config& config) {
  TestLoaderOptions o;
  set_common(o, config);
  o.seed = uint64_t(config.get<int64_t>("RNG_SEED"));
  o.views = config.get<int>("TEST.NUM_ENSEMBLE_VIEWS");
  o.crops = config.get<int>("TEST.NUM_SPATIAL_CROPS");
  o.crop_size = config.get<int>("DATA.TEST_CROP_SIZE");
  o.short_side = o.crop_size;
  if (o.crops == 1) {
    const auto scales = config.get<std::vector<int64_t>>("DATA.TRAIN_JITTER_SCALES");
    SF_CHECK(!scales.empty(), "DATA.TRAIN_JITTER_SCALES: wanted a size, found none");
    o.short_side = int(scales[0]);
  }
  return o;
}

TrainLoaderOptions train_loader_options(const Config& config, Split split, const BatchPart& part) {
  SF_CHECK(split != Split::test, "train loader: wanted the split train or val, found test");
  const bool train = split == Split::train;
  TrainLoaderOptions o;
  set_common(o, config);
  const auto seed = uint64_t(config.get<int64_t>("RNG_SEED"));
  o.seed = CounterRng(name_of(split)).bits(seed);
  o.batches = batch_shapes(config, split);
  o.part = part;
  o.shuffle = train;
  o.drop_last = train;
  o.max_sampling_rate = config.get<int64_t>("MULTIGRID.LONG_CYCLE_SAMPLING_RATE");
  o.jitter = train_jitter(config);
  o.full_crop = config.get<int>("MULTIGRID.DEFAULT_S");
  if (train) {
    SF_CHECK(o.device.backend == Backend::cpu || !config.get<bool>("MIXUP.ENABLE"),
             "SF.DECODER: wanted cpu with MIXUP.ENABLE, found cuda");
    o.fps_jitter = config.get<double>("DATA.TRAIN_JITTER_FPS");
    o.windows = config.get<int>("DATA.TRAIN_CROP_NUM_TEMPORAL");
    o.copies = config.get<int>("DATA.TRAIN_CROP_NUM_SPATIAL") * config.get<int>("AUG.NUM_SAMPLE");
    o.jitter.relative = relative_crop(config);
    o.rand_augment = rand_augment_options(config);
    o.random_erasing = random_erasing_options(config);
  }
  return o;
}

TrainLoaderOptions key_frame_loader_options(const Config& config, Split split,
                                            const BatchPart& part) {
  using Crop = KeyFrameOptions::Crop;
  const bool train = split == Split::train, test = split == Split::test;
  const auto backend = config.get<std::string>("AVA.IMG_PROC_BACKEND");
  SF_CHECK(backend == "cv2" || backend == "pytorch",
           "AVA.IMG_PROC_BACKEND: wanted cv2 or pytorch, found ", backend);
  const bool cv2 = backend == "cv2";
  TrainLoaderOptions o;
  set_common(o, config);
  // The original normalises blue, green and red in this order, whatever it feeds.
  std::swap(o.normalization.mean[0], o.normalization.mean[2]);
  std::swap(o.normalization.std[0], o.normalization.std[2]);
  o.normalization.reverse_channels ^= config.get<bool>("AVA.BGR");
  o.seed = CounterRng(name_of(split)).bits(uint64_t(config.get<int64_t>("RNG_SEED")));
  o.part = part;
  o.shuffle = train;
  o.drop_last = train;
  o.replace = train;
  const auto test_size = config.get<int>("DATA.TEST_CROP_SIZE");
  o.key_frames = {
      .pictures = cv2 ? KeyFrameOptions::Pictures::cv2 : KeyFrameOptions::Pictures::pytorch,
      .crop = train  ? Crop::random
              : test ? Crop::none
                     : Crop::middle,
      .mirror = config.get<bool>("AVA.TEST_FORCE_FLIP"),
      .num_classes = config.get<int64_t>("MODEL.NUM_CLASSES")};
  if (train) {
    o.batches = {{.videos = all_machines(config, config.get<int64_t>("TRAIN.BATCH_SIZE")),
                  .crop = config.get<int>("DATA.TRAIN_CROP_SIZE")}};
    o.jitter = train_jitter(config);
    o.jitter.inverse_uniform = cv2;
    o.jitter.flip |= !cv2;
    o.key_frames->colors = color_augmentation(config);
  } else {
    o.batches = {
        test ? BatchShape{.videos = part.ranks, .crop = 0}
             : BatchShape{.videos = all_machines(config, config.get<int64_t>("TRAIN.BATCH_SIZE")),
                          .crop = test_size}};
    o.jitter = {.min_short_side = test_size, .max_short_side = test_size, .flip = false};
  }
  return o;
}

TrainLoaderOptions clip_loader_options(const Config& config, Split split, const BatchPart& part) {
  return config.get<bool>("DETECTION.ENABLE") ? key_frame_loader_options(config, split, part)
                                              : train_loader_options(config, split, part);
}

}  // namespace sf
