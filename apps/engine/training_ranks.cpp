#include "apps/engine/training_ranks.h"

#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/engine/logging.h"
#include "apps/engine/setup.h"
#include "dist/single_process.h"
#include "kernels/base/error.h"
#include "models/batch_norm_group.h"

namespace sf {
namespace {

template <class T>
Elements elements(std::span<T> values) {
  return {values.data(), int64_t(values.size()), dtype_of<T>};
}

std::optional<DType> type_on_the_way(const Config& config) {
  const DType type = config.get<bool>("MODEL.FP16_ALLREDUCE")
                         ? DType::f16
                         : parse_dtype(config.get<std::string>("SF.GRADIENT_TYPE"));
  SF_CHECK(type == DType::f32 || is_half(type), "SF.GRADIENT_TYPE: wanted f32, bf16 or f16, found ",
           type);
  return is_half(type) ? std::optional(type) : std::nullopt;
}

// The queue's own group, for the memory of the device that the network trains on.
std::shared_ptr<ReductionQueue> gradient_sums(const Config& config, ProcessGroup& world) {
  const Device device = device_to_plan(config);
  const auto half = type_on_the_way(config);
  if (device.is_host())
    return std::make_shared<ReductionQueue>(world.consecutive(world.size()), half);
  SF_CHECK(!half, "SF.GRADIENT_TYPE: wanted f32 where ", world.size(),
           " processes train on GPUs, found ", *half);
  return std::make_shared<ReductionQueue>(world.on_device(device.index));
}

}  // namespace

int64_t clips_of_rank(const Config& config, const char* key, const TrainingRanks& ranks) {
  const int64_t all = config.get<int64_t>(key) * config.get<int64_t>("NUM_SHARDS");
  SF_CHECK(all % ranks.size() == 0, key, ": wanted a multiple of the ", ranks.size(),
           " processes that share the batch of all machines, found ", all, " clips");
  return all / ranks.size();
}

TrainingRanks training_ranks(const Config& config, std::shared_ptr<ProcessGroup> world) {
  TrainingRanks ranks;
  ranks.world = std::move(world);
  const auto mib = config.get<double>("SF.GRADIENT_BUCKET");
  SF_CHECK(mib > 0 && mib <= 1024,
           "SF.GRADIENT_BUCKET: wanted above 0 and at most 1024 MiB, found ", mib);
  ranks.bucket_bytes = int64_t(std::ceil(mib * (1 << 20)));
  if (ranks.size() > 1) ranks.gradients = gradient_sums(config, *ranks.world);
  return training_ranks(config, ranks);
}

TrainingRanks training_ranks(const Config& config, const TrainingRanks& before) {
  TrainingRanks ranks = before;
  if (!ranks.world) ranks.world = std::make_shared<SingleProcess>();
  ranks.batch_norm = batch_norm_group(config, ranks.world);
  const Device device = device_to_plan(config);
  if (ranks.batch_norm && ranks.batch_norm->size() > 1 && !device.is_host())
    ranks.batch_norm = ranks.batch_norm->on_device(device.index);
  return ranks;
}

bool repeats_videos(const Config& config) { return config.get<bool>("SF.REPEAT_VIDEOS"); }

void add_up(const TrainingRanks& ranks, std::span<double> values) {
  if (ranks.size() > 1) ranks.world->all_reduce(elements(values));
}

void add_up(const TrainingRanks& ranks, std::span<int64_t> values) {
  if (ranks.size() > 1) ranks.world->all_reduce(elements(values));
}

std::vector<int64_t> all_of(const TrainingRanks& ranks, int64_t value) {
  std::vector<int64_t> all(size_t(ranks.size()), value);
  if (ranks.size() > 1) ranks.world->all_gather(elements(std::span(all)));
  return all;
}

int64_t told_by(const TrainingRanks& ranks, int from, int64_t value) {
  if (ranks.size() > 1) ranks.world->broadcast(elements(std::span(&value, 1)), from);
  return value;
}

std::string told_by(const TrainingRanks& ranks, int from, std::string text) {
  if (ranks.size() == 1) return text;
  text.resize(size_t(told_by(ranks, from, int64_t(text.size()))));
  ranks.world->broadcast({text.data(), int64_t(text.size()), DType::u8}, from);
  return text;
}

std::vector<std::string> all_of(const TrainingRanks& ranks, bool any,
                                const std::vector<std::string>& lines) {
  std::vector<std::string> all;
  for (int rank = 0; any && rank < ranks.size(); ++rank)
    for (std::string& line :
         split_lines(told_by(ranks, rank, fmt::format("{}", fmt::join(lines, "\n")))))
      all.push_back(std::move(line));
  return all;
}

void take_from_first(const TrainingRanks& ranks, const NamedTensors& tensors) {
  if (ranks.size() == 1) return;
  for (const auto& [name, tensor] : tensors) {
    const Tensor host = tensor.copy_on(Device{});
    ranks.world->broadcast({host.data(), host.numel(), host.dtype()}, 0);
    if (!ranks.leads()) tensor.copy_from(host);
  }
}

}  // namespace sf
