#include "apps/engine/inference_group.h"

#include <algorithm>

namespace sf {
namespace {

std::unique_ptr<Model> copy_of(const Model& model, const Config& config) {
  auto copy = make_model(config, model.dtype());
  for (size_t i = 0; i < model.parameters().size(); ++i)
    copy->parameters()[i].tensor.copy_from(model.parameters()[i].tensor);
  return copy;
}

}  // namespace

InferenceGroup::InferenceGroup(const Model& model, const Config& config, int64_t crop,
                               std::span<const Device> devices, const InferenceOptions& options) {
  SF_CHECK(!devices.empty(), "network: wanted at least one device");
  for (size_t d = 1; d < devices.size(); ++d) copies_.push_back(copy_of(model, config));
  InferenceOptions one = options;
  const auto count = int64_t(devices.size());
  one.max_batch = (options.max_batch + count - 1) / count;
  for (size_t d = 0; d < devices.size(); ++d) {
    one.device = devices[d];
    networks_.push_back(std::make_unique<Inference>(d ? *copies_[d - 1] : model, crop, one));
  }
}

void InferenceGroup::start(const std::vector<std::vector<Tensor>>& clips) {
  const size_t used = std::clamp<size_t>(clips.size(), 1, networks_.size());
  const auto begin = [&](size_t d) { return clips.begin() + ptrdiff_t(clips.size() * d / used); };
  for (size_t d = 0; d < used; ++d) networks_[d]->start({begin(d), begin(d + 1)});
  started_.push_back(used);
}

Inference::Result InferenceGroup::finish() {
  SF_CHECK(!started_.empty(), "network: wanted clips that were started, found none");
  std::vector<Tensor> scores, logits;
  for (size_t d = 0; d < started_.front(); ++d) {
    Inference::Result part = networks_[d]->finish();
    scores.push_back(std::move(part.scores));
    logits.push_back(std::move(part.logits));
  }
  started_.pop_front();
  return {stack_batches(scores), stack_batches(logits), {}};
}

}  // namespace sf
