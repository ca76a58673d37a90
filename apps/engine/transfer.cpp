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

// f(tensor, bytes before it) for those that lie one behind the other.
template <class F>
void for_parts(std::span<const Tensor> parts, const F& f) {
  size_t at = 0;
  for (const Tensor& part : parts) {
    f(part, at);
    at += size_t(part.type().bytes());
  }
}

}  // namespace

Transfer::~Transfer() {
  try {
    copies_.synchronize();
    streams_.first().synchronize();
  } catch (const Error&) {}  // nobody waits for what failed
}

std::byte* Transfer::Pinned::at_least(size_t wanted) {
  if (wanted > bytes) {
    data.reset(static_cast<std::byte*>(cuda::allocate_pinned(wanted)));
    bytes = wanted;
  }
  return data.get();
}

// Through pinned memory of the slot and on_device_.
void Transfer::copy_from_host(Slot& slot, Plan& plan, std::span<const Value> inputs,
                              std::span<const std::vector<Tensor>> parts) {
  const cuda::Stream& lane = streams_.first();
  const auto in = offsets(inputs);
  std::byte* const host = slot.inputs.at_least(in.back());
  for (size_t p = 0; p < inputs.size(); ++p)
    for_parts(parts[p], [&](const Tensor& part, size_t at) {
      copy_bytes(host + in[p] + at, Device{}, part.data(), part.device(),
                 size_t(part.type().bytes()));
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
                     std::span<const std::vector<Tensor>> parts) {
  SF_CHECK(started() < kSlots, "transfer: wanted at most ", kSlots, " runs not finished");
  const cuda::DeviceScope scope(device_);
  Slot& slot = slots_[next_++ % kSlots];
  const cuda::Stream& lane = streams_.first();
  const auto out = offsets(results);
  std::vector<Value> from_host;
  std::vector<std::vector<Tensor>> host_parts;
  for (size_t p = 0; p < inputs.size(); ++p) {
    if (parts[p][0].device() != Device{.backend = Backend::cuda, .index = device_}) {
      from_host.push_back(inputs[p]);
      host_parts.push_back(parts[p]);
      continue;
    }
    slot.kept.insert(slot.kept.end(), parts[p].begin(), parts[p].end());
    if (const auto place = plan.place(inputs[p]))
      for_parts(parts[p], [&](const Tensor& part, size_t at) {
        lane.copy(place->data + at, part.data(), size_t(part.type().bytes()));
      });
  }
  if (!from_host.empty()) copy_from_host(slot, plan, from_host, host_parts);
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
  slot.kept.clear();
  std::vector<Tensor> all;
  for (const TensorType& type : slot.types) all.emplace_back(type);
  const std::vector<size_t> at = offsets(all);
  for (size_t i = 0; i < all.size(); ++i)
    std::memcpy(all[i].data(), slot.results.data.get() + at[i], size_t(all[i].type().bytes()));
  return all;
}

}  // namespace sf
