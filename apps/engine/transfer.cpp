#include "apps/engine/transfer.h"

#include <cstring>

namespace sf {
namespace {

constexpr size_t kAlignment = 256;

// Of tensors one behind the other; and where each begins.
template <class Types>
std::vector<size_t> offsets(const Types& types) {
  std::vector<size_t> all{0};
  for (const auto& t : types)
    all.push_back((all.back() + size_t(t.type().bytes()) + kAlignment - 1) / kAlignment *
                  kAlignment);
  return all;
}

// f(p, i, bytes before it in its input) for pathway p of clip i.
template <class F>
void for_parts(std::span<const std::vector<Tensor>> clips, const F& f) {
  for (size_t p = 0; p < clips[0].size(); ++p) {
    size_t at = 0;
    for (size_t i = 0; i < clips.size(); at += size_t(clips[i++][p].type().bytes())) f(p, i, at);
  }
}

}  // namespace

std::byte* Transfer::Pinned::at_least(size_t wanted) {
  if (wanted > bytes) {
    data.reset(static_cast<std::byte*>(cuda::allocate_pinned(wanted)));
    bytes = wanted;
  }
  return data.get();
}

// Through pinned memory of the slot and on_device_.
void Transfer::copy_from_host(Slot& slot, Plan& plan, std::span<const Value> inputs,
                              std::span<const std::vector<Tensor>> clips) {
  const cuda::Stream& lane = streams_.first();
  const auto in = offsets(inputs);
  std::byte* const host = slot.inputs.at_least(in.back());
  for_parts(clips, [&](size_t p, size_t i, size_t at) {
    const Tensor& clip = clips[i][p];
    copy_bytes(host + in[p] + at, Device{}, clip.data(), clip.device(),
               size_t(clip.type().bytes()));
  });
  if (!on_device_ || on_device_->size() < in.back()) {
    taken_.synchronize();
    on_device_ = Storage::allocate({.backend = Backend::cuda, .index = device_}, in.back());
  }
  copies_.wait_for(taken_);
  copies_.copy(on_device_->data(), host, in.back());
  slot.copied.record(copies_);
  lane.wait_for(slot.copied);
  for (size_t p = 0; p < inputs.size(); ++p)
    if (const auto place = plan.place(inputs[p]))
      lane.copy(place->data, on_device_->data() + in[p], size_t(inputs[p].type().bytes()));
  taken_.record(lane);
}

void Transfer::start(Plan& plan, std::span<const Value> inputs, std::span<const Value> results,
                     std::span<const std::vector<Tensor>> clips) {
  SF_CHECK(started() < kSlots, "transfer: wanted at most ", kSlots, " runs not finished");
  const cuda::DeviceScope scope(device_);
  Slot& slot = slots_[next_++ % kSlots];
  const cuda::Stream& lane = streams_.first();
  const auto out = offsets(results);
  if (clips[0][0].device() == Device{.backend = Backend::cuda, .index = device_}) {
    slot.clips.assign(clips.begin(), clips.end());
    for_parts(clips, [&](size_t p, size_t i, size_t at) {
      const Tensor& clip = clips[i][p];
      if (const auto place = plan.place(inputs[p]))
        lane.copy(place->data + at, clip.data(), size_t(clip.type().bytes()));
    });
  } else {
    copy_from_host(slot, plan, inputs, clips);
  }
  plan.run();
  std::byte* const back = slot.results.at_least(out.back());
  slot.types.clear();
  for (size_t i = 0; i < results.size(); ++i) {
    const TensorRef from = plan.result(results[i]);
    const size_t row = size_t(from.type.shape.channels()) * size_of(from.type.dtype);
    lane.copy_rows(back + out[i], from.data,
                   {.rows = size_t(from.type.shape.pixels()),
                    .bytes = row,
                    .to_pitch = row,
                    .from_pitch = size_t(from.pitch) * size_of(from.type.dtype)});
    slot.types.push_back(from.type);
  }
  slot.done.record(lane);
  started_.push_back(&slot);
}

std::vector<Tensor> Transfer::finish() {
  SF_CHECK(!started_.empty(), "transfer: wanted a run that was started");
  Slot& slot = *started_.front();
  started_.pop_front();
  slot.done.synchronize();
  slot.clips.clear();
  std::vector<Tensor> all;
  for (const TensorType& type : slot.types) all.emplace_back(type);
  const std::vector<size_t> at = offsets(all);
  for (size_t i = 0; i < all.size(); ++i)
    std::memcpy(all[i].data(), slot.results.data.get() + at[i], size_t(all[i].type().bytes()));
  return all;
}

}  // namespace sf
