// The options of the data sets and loaders as a configuration states them.
#include <algorithm>

#include "configs/config.h"
#include "data/kinetics.h"
#include "data/test_loader.h"
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

}  // namespace

std::unique_ptr<Dataset> make_kinetics(Split split, const Config& config) {
  const std::filesystem::path folder = config.get<std::string>("DATA.PATH_TO_DATA_DIR");
  return std::make_unique<KineticsDataset>(
      KineticsOptions{.list = folder / cat(name_of(split), ".csv"),
                      .separator = config.get<std::string>("DATA.PATH_LABEL_SEPARATOR"),
                      .path_prefix = config.get<std::string>("DATA.PATH_PREFIX"),
                      .num_classes = config.get<int64_t>("MODEL.NUM_CLASSES")});
}

TestLoaderOptions test_loader_options(const Config& config) {
  TestLoaderOptions o;
  o.sampling = {.num_frames = config.get<int64_t>("DATA.NUM_FRAMES"),
                .sampling_rate = config.get<int64_t>("DATA.SAMPLING_RATE"),
                .target_fps = config.get<double>("DATA.TARGET_FPS"),
                .offset_sampling = config.get<bool>("DATA.USE_OFFSET_SAMPLING")};
  o.views = config.get<int>("TEST.NUM_ENSEMBLE_VIEWS");
  o.crops = config.get<int>("TEST.NUM_SPATIAL_CROPS");
  o.crop_size = config.get<int>("DATA.TEST_CROP_SIZE");
  o.short_side = o.crop_size;
  if (o.crops == 1) {
    const auto scales = config.get<std::vector<int64_t>>("DATA.TRAIN_JITTER_SCALES");
    SF_CHECK(!scales.empty(), "DATA.TRAIN_JITTER_SCALES: wanted a size, found none");
    o.short_side = int(scales[0]);
  }
  o.normalization = {.mean = three_floats(config, "DATA.MEAN"),
                     .std = three_floats(config, "DATA.STD"),
                     .reverse_channels = config.get<bool>("DATA.REVERSE_INPUT_CHANNEL")};
  o.alpha = has_slow_pathway(config) ? config.get<int64_t>("SLOWFAST.ALPHA") : 0;
  o.workers = config.get<int>("DATA_LOADER.NUM_WORKERS");
  o.decode_timeout_seconds = config.get<double>("SF.DECODE_TIMEOUT");
  o.memory_bytes = int64_t(config.get<double>("SF.LOADER_MEMORY") * double(int64_t(1) << 30));
  return o;
}

}  // namespace sf
