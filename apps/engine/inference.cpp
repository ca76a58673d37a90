#include "apps/engine/inference.h"

#include <algorithm>
#include <cstring>

namespace sf {
Tensor stack_batches(const std::vector<Tensor>& parts) {
  if (parts.size() == 1) return parts[0];
  Shape shape = parts[0].shape();
  int64_t batch = 0;
  for (const Tensor& part : parts) batch += part.shape()[0];
  shape.set(0, batch);
  Tensor all({shape, parts[0].dtype()});
  size_t at = 0;
  for (const Tensor& part : parts) {
    std::memcpy(all.data() + at, part.data(), size_t(part.type().bytes()));
    at += size_t(part.type().bytes());
  }
  return all;
}

int64_t clips_together(size_t bytes_of_one, int64_t max_batch, double memory_limit_bytes) {
  const double room = memory_limit_bytes / double(bytes_of_one);
  return std::max<int64_t>(1, int64_t(std::min(double(max_batch), room)));
}

struct Inference::Planned {
  Planned(const Model& model, int64_t batch, int64_t crop, const InferenceOptions& options,
          std::shared_ptr<ArenaMemory> memory)
      : batch(batch),
        network(model, batch, crop, {.half = options.half, .keep_stages = options.keep_stages}) {
    network.graph().move_states_to(options.device);
    plan = std::make_unique<Plan>(network.graph(), network.outputs(),
                                  PlanOptions{.device = options.device,
                                              .tf32 = options.tf32,
                                              .tune = options.tune,
                                              .check_finite = options.check_finite,
                                              .memory = std::move(memory)});
  }

  int64_t batch;
  InferenceGraph network;
  std::unique_ptr<Plan> plan;
};

Inference::Inference(const Model& model, int64_t crop, const InferenceOptions& options)
    : device_(options.device),
      memory_(options.memory ? options.memory : std::make_shared<ArenaMemory>(options.device)) {
  single_ = std::make_unique<Planned>(model, 1, crop, options, memory_);
  const int64_t batch =
      clips_together(single_->plan->arena_bytes(), options.max_batch, options.memory_limit_bytes);
  if (batch > 1) chunked_ = std::make_unique<Planned>(model, batch, crop, options, memory_);
  forget_started();
}

Inference::~Inference() = default;

int64_t Inference::chunk() const { return chunked_ ? chunked_->batch : 1; }
const Plan& Inference::plan() const { return chunked_ ? *chunked_->plan : *single_->plan; }
size_t Inference::arena_bytes() const {
  return std::max(single_->plan->arena_bytes(), plan().arena_bytes());
}

void Inference::release_weights() {
  single_->plan->release_constants();
  if (chunked_) chunked_->plan->release_constants();
}

void Inference::check(const std::vector<Tensor>& clip) const {
  const auto& inputs = single_->network.inputs();
  SF_CHECK(clip.size() == inputs.size(), "network: wanted ", inputs.size(), " pathways, found ",
           clip.size());
  for (size_t p = 0; p < clip.size(); ++p) {
    const TensorType &found = clip[p].type(), &wanted = inputs[p].type();
    SF_CHECK(found.shape.numel() == wanted.shape.numel() && found.dtype == wanted.dtype &&
                 found.shape[-1] == wanted.shape[-1] && found.shape[-2] == wanted.shape[-2] &&
                 found.shape[-3] == wanted.shape[-3],
             "network: pathway ", p, " wanted a clip ", wanted, ", found ", found);
  }
}

void Inference::start_chunk(Planned& planned, std::span<const std::vector<Tensor>> clips) {
  const auto& inputs = planned.network.inputs();
  const auto outputs = planned.network.outputs();
  if (transfer_) {
    if (transfer_->started() == Transfer::kSlots) done_.push_back(transfer_->finish());
    return transfer_->start(*planned.plan, inputs, outputs, clips);
  }
  for (size_t p = 0; p < inputs.size(); ++p) {
    const auto place = planned.plan->place(inputs[p]);
    const size_t bytes = size_t(inputs[p].type().bytes()) / clips.size();
    for (size_t i = 0; place && i < clips.size(); ++i)
      copy_bytes(place->data + i * bytes, Device{}, clips[i][p].data(), clips[i][p].device(),
                 bytes);
  }
  planned.plan->run();
  auto& results = done_.emplace_back();
  for (Value output : outputs) results.push_back(planned.plan->fetch(output));
}

void Inference::forget_started() {
  started_.clear();
  done_.clear();
  if (!device_.is_host()) transfer_ = std::make_unique<Transfer>(device_.index, memory_->streams());
}

void Inference::start(const std::vector<std::vector<Tensor>>& clips) {
  SF_CHECK(!clips.empty(), "network: wanted at least one clip");
  for (const auto& clip : clips) check(clip);
  const std::span all(clips);
  size_t chunks = 0, at = 0;
  try {
    for (; at < all.size(); ++chunks) {
      const bool whole = chunked_ && at + size_t(chunked_->batch) <= all.size();
      Planned& planned = whole ? *chunked_ : *single_;
      start_chunk(planned, all.subspan(at, size_t(planned.batch)));
      at += size_t(planned.batch);
    }
  } catch (...) {
    forget_started();
    throw;
  }
  started_.push_back(chunks);
}

Inference::Result Inference::finish() {
  SF_CHECK(!started_.empty(), "network: wanted clips that were started, found none");
  std::vector<std::vector<Tensor>> outputs(single_->network.outputs().size());
  try {
    for (size_t chunk = 0; chunk < started_.front(); ++chunk) {
      if (done_.empty()) done_.push_back(transfer_->finish());
      for (size_t o = 0; o < outputs.size(); ++o) outputs[o].push_back(done_.front()[o]);
      done_.pop_front();
    }
  } catch (...) {
    forget_started();
    throw;
  }
  started_.pop_front();
  Result whole{stack_batches(outputs[0]), stack_batches(outputs[1]), {}};
  for (size_t s = 2; s < outputs.size(); ++s)
    whole.stages.emplace_back(single_->network.stages()[s - 2].first, stack_batches(outputs[s]));
  return whole;
}

Inference::Result Inference::run(const std::vector<std::vector<Tensor>>& clips) {
  SF_CHECK(started_.empty(), "network: wanted all clips finished that were started");
  start(clips);
  return finish();
}

}  // namespace sf
