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

}  // namespace

std::byte* Transfer::Pinned::at_least(size_t wanted) {
  if (wanted > bytes) {
    data.reset(static_cast<std::byte*>(cuda::allocate_pinned(wanted)));
    bytes = wanted;
  }
  return data.get();
}

void Transfer::start(Plan& plan, std::span<const Value> inputs, std::span<const Value> results,
                     const std::function<void(size_t, std::byte*)>& fill) {
  SF_CHECK(started() < kSlots, "transfer: wanted at most ", kSlots, " runs not finished");
  const cuda::DeviceScope scope(device_);
  Slot& slot = slots_[next_++ % kSlots];
  const cuda::Stream& lane = streams_.first();
  const auto in = offsets(inputs), out = offsets(results);
  std::byte* const host = slot.inputs.at_least(in.back());
  for (size_t i = 0; i < inputs.size(); ++i) fill(i, host + in[i]);

  if (!on_device_ || on_device_->size() < in.back()) {
    taken_.synchronize();
    on_device_ = Storage::allocate({.backend = Backend::cuda, .index = device_}, in.back());
  }
  copies_.wait_for(taken_);
  copies_.copy(on_device_->data(), host, in.back());
  slot.copied.record(copies_);
  lane.wait_for(slot.copied);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (const auto place = plan.place(inputs[i]))
      lane.copy(place->data, on_device_->data() + in[i], size_t(inputs[i].type().bytes()));
  taken_.record(lane);
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
  std::vector<Tensor> all;
  for (const TensorType& type : slot.types) all.emplace_back(type);
  const std::vector<size_t> at = offsets(all);
  for (size_t i = 0; i < all.size(); ++i)
    std::memcpy(all[i].data(), slot.results.data.get() + at[i], size_t(all[i].type().bytes()));
  return all;
}

}  // namespace sf
