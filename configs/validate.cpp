#include <algorithm>

#include "configs/config_state.h"
#include "configs/device_name.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr double kMaxGib = 1 << 20;
constexpr double kMaxSeconds = 1e9;

void check_at_least(const Config& config, std::string_view key, int64_t least) {
  const auto value = config.get<int64_t>(key);
  SF_CHECK(value >= least, key, ": wanted at least ", least, ", found ", value);
}

// Above zero and within the limit, which not-a-number is not.
void check_amount(const Config& config, std::string_view key, double limit) {
  const auto value = config.get<double>(key);
  SF_CHECK(value > 0 && value <= limit, key, ": wanted a number above 0 and up to ", int64_t(limit),
           ", found ", message_text({value}));
}

void check_word(const Config& config, std::string_view key,
                std::initializer_list<std::string_view> words) {
  const auto value = config.get<std::string>(key);
  std::string wanted;
  for (const std::string_view& word : words) {
    if (word == value) return;
    wanted += cat(wanted.empty() ? "" : &word + 1 == words.end() ? " or " : ", ", word);
  }
  throw Error(cat(key, ": wanted ", wanted, ", found ", in_quotes(value)));
}

// Older files give the networks that do not pool in time a name of their own.
void infer_arch(Config& config) {
  if (config.get<std::string>("MODEL.MODEL_NAME") != "ResNet_nopool") return;
  config.set("MODEL.MODEL_NAME", "ResNet");
  const auto arch = config.get<std::string>("MODEL.ARCH");
  if (arch == "c2d" || arch == "i3d") config.set("MODEL.ARCH", "slow_" + arch);
}

// The original's lists leave out two archs that it has.
bool misses_in_lists(const Config& config, const std::string& arch) {
  if (arch != "slow_c2d" && arch != "slow_i3d") return false;
  const auto single = config.get<std::vector<std::string>>("MODEL.SINGLE_PATHWAY_ARCH");
  const auto multi = config.get<std::vector<std::string>>("MODEL.MULTI_PATHWAY_ARCH");
  return std::ranges::count(single, arch) + std::ranges::count(multi, arch) == 0;
}

bool runs_on_gpus(const Config& config) {
  const std::string device = device_name(config);
  return device == "auto" ? cuda::device_count() > 0 : device.starts_with("cuda");
}

}  // namespace

void Config::validate() {
  infer_arch(*this);
  if (const auto arch = get<std::string>("MODEL.ARCH"); misses_in_lists(*this, arch)) {
    ConfigValue& single = state_->values[State::place("MODEL.SINGLE_PATHWAY_ARCH")];
    std::get<ConfigList>(single.data).push_back({arch});
  }

  if (get<bool>("BN.USE_PRECISE_STATS")) check_at_least(*this, "BN.NUM_BATCHES_PRECISE", 0);
  check_at_least(*this, "NUM_GPUS", 0);
  check_at_least(*this, "SF.CPU_PROCESSES", 1);
  const bool on_gpus = runs_on_gpus(*this);
  const std::string parts_key = on_gpus ? "NUM_GPUS" : "SF.CPU_PROCESSES";
  const auto parts = get<int64_t>(parts_key);
  for (const std::string phase : {"TRAIN", "TEST"}) {
    check_word(*this, phase + ".CHECKPOINT_TYPE", {"pytorch", "caffe2"});
    const std::string key = phase + ".BATCH_SIZE";
    check_at_least(*this, key, 1);
    const auto batch = get<int64_t>(key);
    SF_CHECK(parts == 0 || batch % parts == 0, key, ": wanted a multiple of ", parts_key, " ",
             parts, ", found ", batch);
  }

  check_at_least(*this, "RESNET.NUM_GROUPS", 1);
  check_at_least(*this, "RESNET.WIDTH_PER_GROUP", 1);
  const auto groups = get<int64_t>("RESNET.NUM_GROUPS"),
             width = get<int64_t>("RESNET.WIDTH_PER_GROUP");
  SF_CHECK(width % groups == 0, "RESNET.WIDTH_PER_GROUP: wanted a multiple of RESNET.NUM_GROUPS ",
           groups, ", found ", width);

  check_at_least(*this, "NUM_SHARDS", 1);
  check_at_least(*this, "SHARD_ID", 0);
  const auto shards = get<int64_t>("NUM_SHARDS"), shard = get<int64_t>("SHARD_ID");
  SF_CHECK(shard < shards, "SHARD_ID: wanted less than NUM_SHARDS ", shards, ", found ", shard);

  if (get<double>("SF.MEMORY_LIMIT") != 0) check_amount(*this, "SF.MEMORY_LIMIT", kMaxGib);
  check_amount(*this, "SF.LOADER_MEMORY", kMaxGib);
  check_amount(*this, "SF.DECODE_TIMEOUT", kMaxSeconds);
  check_amount(*this, "SF.DIST_TIMEOUT", kMaxSeconds);
  check_at_least(*this, "SF.RESTARTS", 0);
  check_word(*this, "SF.DECODER", {"cpu", "cuda"});
  check_word(*this, "SF.WINOGRAD", {"auto", "on", "off"});
}

}  // namespace sf
