#include "apps/engine/inference.h"

#include <algorithm>
#include <cstring>

namespace sf {
namespace {

// Tensors of N1 x .., N2 x .. to one of (N1 + N2) x ...
Tensor stack(const std::vector<Tensor>& parts) {
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

}  // namespace

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

Inference::Inference(const Model& model, int64_t crop, const InferenceOptions& options) {
  const auto memory =
      options.memory ? options.memory : std::make_shared<ArenaMemory>(options.device);
  single_ = std::make_unique<Planned>(model, 1, crop, options, memory);
  const int64_t batch =
      clips_together(single_->plan->arena_bytes(), options.max_batch, options.memory_limit_bytes);
  if (batch > 1) chunked_ = std::make_unique<Planned>(model, batch, crop, options, memory);
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

void Inference::run_chunk(Planned& planned, std::span<const std::vector<Tensor>> clips,
                          std::vector<Result>& results) {
  for (size_t p = 0; p < planned.network.inputs().size(); ++p) {
    const TensorType& type = planned.network.inputs()[p].type();
    const auto place = planned.plan->place(planned.network.inputs()[p]);
    const size_t bytes = size_t(type.bytes()) / clips.size();
    Shape wanted = type.shape;
    wanted.set(0, 1);
    for (size_t i = 0; i < clips.size(); ++i) {
      SF_CHECK(clips[i].size() == planned.network.inputs().size(), "network: wanted ",
               planned.network.inputs().size(), " pathways, found ", clips[i].size());
      const Tensor& clip = clips[i][p];
      SF_CHECK(clip.numel() == wanted.numel() && clip.dtype() == type.dtype &&
                   clip.shape()[-1] == wanted[-1] && clip.shape()[-2] == wanted[-2] &&
                   clip.shape()[-3] == wanted[-3],
               "network: pathway ", p, " wanted a clip ", TensorType{wanted, type.dtype},
               ", found ", clip.type());
      if (place)
        copy_bytes(place->data + i * bytes, planned.plan->device(), clip.data(), clip.device(),
                   bytes);
    }
  }
  planned.plan->run();
  Result result{planned.plan->fetch(planned.network.scores()),
                planned.plan->fetch(planned.network.logits()),
                {}};
  for (const auto& [name, value] : planned.network.stages())
    result.stages.emplace_back(name, planned.plan->fetch(value));
  results.push_back(std::move(result));
}

Inference::Result Inference::run(const std::vector<std::vector<Tensor>>& clips) {
  SF_CHECK(!clips.empty(), "network: wanted at least one clip");
  std::vector<Result> results;
  const std::span all(clips);
  size_t at = 0;
  for (; chunked_ && at + size_t(chunked_->batch) <= all.size(); at += size_t(chunked_->batch))
    run_chunk(*chunked_, all.subspan(at, size_t(chunked_->batch)), results);
  for (; at < all.size(); ++at) run_chunk(*single_, all.subspan(at, 1), results);

  const auto stacked = [&](const auto& part) {
    std::vector<Tensor> parts;
    for (const Result& r : results) parts.push_back(part(r));
    return stack(parts);
  };
  Result whole{stacked([](const Result& r) { return r.scores; }),
               stacked([](const Result& r) { return r.logits; }),
               {}};
  for (size_t s = 0; s < results[0].stages.size(); ++s)
    whole.stages.emplace_back(results[0].stages[s].first,
                              stacked([s](const Result& r) { return r.stages[s].second; }));
  return whole;
}

}  // namespace sf
