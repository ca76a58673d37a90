#include "apps/engine/inference.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "apps/engine/boxes.h"
#include "kernels/base/element.h"

namespace sf {
namespace {

// A batch's input of boxes (clip, x1, y1, x2, y2) with those of its clips and no others. f32 or
// f64.
Tensor boxes_of(std::span<const std::vector<Tensor>> clips, const TensorType& input) {
  int64_t boxes = 0;
  for (const auto& clip : clips) boxes += clip.back().shape()[0];
  SF_CHECK(boxes <= input.shape[0], "network: wanted at most ", input.shape[0], " boxes, found ",
           boxes);
  Tensor all(input);
  with_arithmetic(input.dtype, [&](auto t) {
    using T = decltype(t);
    auto at = all.span<T>().begin();
    for (size_t i = 0; i < clips.size(); ++i) {
      const Tensor boxes = clips[i].back().to(Device{});
      const auto corners = boxes.span<T>();
      for (size_t k = 0; k < corners.size(); k += 4) {
        *at++ = T(i);
        at = std::copy_n(corners.begin() + ptrdiff_t(k), 4, at);
      }
    }
    std::fill(at, all.span<T>().end(), T(-1));
  });
  return all;
}

}  // namespace

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
  Planned(const Model& model, int64_t batch, ClipSize size, int64_t box_room,
          const InferenceOptions& options, std::shared_ptr<ArenaMemory> memory)
      : batch(batch),
        network(model, batch, size,
                {.half = options.half, .keep_stages = options.keep_stages, .box_room = box_room}) {
    network.graph().move_states_to(options.device);
    plan = std::make_unique<Plan>(network.graph(), network.outputs(),
                                  PlanOptions{.device = options.device,
                                              .kernels = options.kernels,
                                              .check_finite = options.check_finite,
                                              .memory = std::move(memory)});
  }

  int64_t batch;
  InferenceGraph network;
  std::unique_ptr<Plan> plan;
};

Inference::Inference(const Model& model, ClipSize size, const InferenceOptions& options)
    : model_(model),
      size_(size),
      options_(options),
      memory_(options.memory ? options.memory : std::make_shared<ArenaMemory>(options.device)),
      box_room_(InferenceGraphOptions{}.box_room) {
  make_plans();
  forget_started();
}

void Inference::make_plans() {
  const auto planned = [&](int64_t batch) {
    return std::make_unique<Planned>(model_, batch, size_, box_room_, options_, memory_);
  };
  chunked_ = nullptr;
  single_ = planned(1);
  const int64_t batch =
      clips_together(single_->plan->arena_bytes(), options_.max_batch, options_.memory_limit_bytes);
  if (batch > 1) chunked_ = planned(batch);
}

void Inference::make_room(const std::vector<std::vector<Tensor>>& clips) {
  int64_t most = 0;
  for (const auto& clip : clips) most = std::max(most, clip.back().shape()[0]);
  if (most <= box_room_) return;
  while (transfer_ && transfer_->started() > 0) done_.push_back(transfer_->finish());
  const int64_t before = std::exchange(box_room_, int64_t(std::bit_ceil(uint64_t(most))));
  try {
    make_plans();
  } catch (...) {
    box_room_ = before;
    throw;
  }
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
  const size_t pathways = inputs.size() - size_t(model_.detects());
  SF_CHECK(clip.size() == inputs.size(), "network: wanted ", pathways, " pathways",
           model_.detects() ? " and boxes" : "", ", found ", clip.size());
  if (model_.detects()) {
    const TensorType& boxes = clip.back().type();
    SF_CHECK(boxes.shape.rank() == 2 && boxes.shape[1] == 4 && boxes.dtype == model_.dtype(),
             "network: wanted boxes K x 4 of ", model_.dtype(), ", found ", boxes);
  }
  for (size_t p = 0; p < pathways; ++p) {
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
  std::vector<std::vector<Tensor>> parts(inputs.size());
  for (size_t p = 0; p < inputs.size(); ++p) {
    if (model_.detects() && p + 1 == inputs.size())
      parts[p] = {boxes_of(clips, inputs[p].type())};
    else
      for (const auto& clip : clips) parts[p].push_back(clip[p]);
  }
  rows_.push_back(0);
  for (const auto& clip : clips) rows_.back() += model_.detects() ? clip.back().shape()[0] : 1;
  if (transfer_) {
    if (transfer_->started() == Transfer::kSlots) done_.push_back(transfer_->finish());
    return transfer_->start(*planned.plan, inputs, outputs, parts);
  }
  for (size_t p = 0; p < inputs.size(); ++p) {
    const auto place = planned.plan->place(inputs[p]);
    if (!place) continue;
    std::byte* to = place->data;
    for (const Tensor& part : parts[p]) {
      const auto bytes = size_t(part.type().bytes());
      copy_bytes(to, Device{}, part.data(), part.device(), bytes);
      to += bytes;
    }
  }
  planned.plan->run();
  auto& results = done_.emplace_back();
  for (Value output : outputs) results.push_back(planned.plan->fetch(output));
}

void Inference::forget_started() {
  started_.clear();
  done_.clear();
  rows_.clear();
  if (!options_.device.is_host())
    transfer_ = std::make_unique<Transfer>(options_.device.index, memory_->streams());
}

void Inference::start(const std::vector<std::vector<Tensor>>& clips) {
  SF_CHECK(!clips.empty(), "network: wanted at least one clip");
  for (const auto& clip : clips) check(clip);
  const std::span all(clips);
  size_t chunks = 0, at = 0;
  try {
    if (model_.detects()) make_room(clips);
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
      for (size_t o = 0; o < outputs.size(); ++o) {
        const bool of_boxes = model_.detects() && o < 2;  // scores and logits
        outputs[o].push_back(of_boxes ? first_rows(done_.front()[o], rows_.front())
                                      : done_.front()[o]);
      }
      done_.pop_front();
      rows_.pop_front();
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
