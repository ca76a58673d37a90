#include "apps/engine/inference_group.h"

#include <algorithm>
#include <utility>

#include "apps/engine/setup.h"

namespace sf {
namespace {

std::unique_ptr<Model> copy_of(const Model& model, const Config& config) {
  auto copy = make_model(config, model.dtype());
  for (size_t i = 0; i < model.parameters().size(); ++i)
    copy->parameters()[i].tensor.copy_from(model.parameters()[i].tensor);
  return copy;
}

}  // namespace

InferenceOptions inference_options(const Config& config, const TrainingRanks& ranks) {
  return {.max_batch = clips_of_rank(config, "TEST.BATCH_SIZE", ranks),
          .memory_limit_bytes = memory_limit_bytes(config, false),
          .check_finite = config.get<bool>("SF.CHECK_FINITE"),
          .half = half_type(config, false),
          .kernels = kernel_choice(config, false)};
}

InferenceGroup::InferenceGroup(const Model& model, const Config& config, ClipSize size,
                               std::span<const Device> devices, const InferenceOptions& options) {
  SF_CHECK(!devices.empty(), "network: wanted at least one device");
  for (size_t d = 1; d < devices.size(); ++d) copies_.push_back(copy_of(model, config));
  InferenceOptions one = options;
  one.max_batch = std::max<int64_t>(1, options.max_batch / int64_t(devices.size()));
  for (size_t d = 0; d < devices.size(); ++d) {
    one.device = devices[d];
    if (d > 0) one.memory = nullptr;  // it is of the first
    networks_.push_back(std::make_unique<Inference>(d ? *copies_[d - 1] : model, size, one));
  }
}

void InferenceGroup::start(const std::vector<std::vector<Tensor>>& clips) {
  const size_t count = networks_.size(), whole = clips.size() / size_t(chunk()) * size_t(chunk());
  const size_t singles = (clips.size() - whole + count - 1) / count;  // of a device
  std::vector<size_t> parts;
  try {
    for (size_t at = 0; at < clips.size() || parts.empty();) {
      const size_t wanted = at < whole ? size_t(chunk()) : singles;
      const size_t end = std::min(at + wanted, clips.size());
      parts.push_back(parts.size() % count);
      networks_[parts.back()]->start(
          {clips.begin() + ptrdiff_t(at), clips.begin() + ptrdiff_t(end)});
      at = end;
    }
  } catch (...) {
    forget_started();
    throw;
  }
  started_.push_back(std::move(parts));
}

Inference::Result InferenceGroup::finish() {
  SF_CHECK(!started_.empty(), "network: wanted clips that were started, found none");
  std::vector<Tensor> scores, logits;
  try {
    for (const size_t device : started_.front()) {
      Inference::Result part = networks_[device]->finish();
      scores.push_back(std::move(part.scores));
      logits.push_back(std::move(part.logits));
    }
  } catch (...) {
    forget_started();
    throw;
  }
  started_.pop_front();
  return {stack_batches(scores), stack_batches(logits), {}};
}

void InferenceGroup::forget_started() {
  for (const auto& network : networks_) network->forget_started();
  started_.clear();
}

}  // namespace sf
