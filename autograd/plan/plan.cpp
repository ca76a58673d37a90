#include "autograd/plan/plan.h"

#include <algorithm>
#include <functional>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "autograd/plan/device_values.h"

namespace sf {
namespace {

// The first index of a pixel.
int64_t row_of(const Shape& s, int64_t pixel) {
  return s.rank() < 2 ? 0 : pixel / (s.pixels() / s[0]);
}

}  // namespace

Plan::Plan(const Graph& graph, std::span<const Value> outputs, const PlanOptions& options)
    : graph_(graph),
      options_(options),
      blueprint_(graph, outputs,
                 {.device = options.device,
                  .reuse_buffers = options.reuse_buffers,
                  .kernels = options.kernels,
                  .lanes = options.lanes,
                  .piece_bytes = options.piece_bytes}),
      recorded_(wants_recorded_runs(options.device) && !options.check_finite &&
                std::ranges::none_of(blueprint_.steps(),
                                     [](const Step& s) { return s.lowered.on_host; })) {
  if (double(arena_bytes()) > options.memory_limit_bytes)
    throw PlanTooLarge(arena_bytes(), options.memory_limit_bytes);
  memory_ = options.memory ? options.memory : std::make_shared<ArenaMemory>(options.device);
  memory_->streams().want(blueprint_.lanes());
  number_ = memory_->enter(arena_bytes());
  for (int v = 0; v < graph.value_count(); ++v)
    has_inputs_ |= graph.info(v).producer < 0 && blueprint_.placement().offset(v);
  hoisted_ = unbound(blueprint_.hoisted());
  steps_ = unbound(blueprint_.steps());
  make_constants();
}

std::vector<Plan::Bound> Plan::unbound(const std::vector<Step>& steps) const {
  const auto device = memory_->streams().cuda_device();
  std::vector<Bound> all;
  for (const Step& step : steps) {
    const auto& node = graph_.nodes()[size_t(step.node)];
    all.push_back({&step, std::vector<TensorRef>(node.in.size()),
                   std::vector<TensorRef>(node.out.size()), nullptr, nullptr});
    if (device && step.awaited) all.back().done = std::make_unique<cuda::Event>(*device);
  }
  return all;
}

void Plan::make_constants() {
  const cuda::DeviceScope scope(memory_->streams().cuda_device());
  for (const Step& step : blueprint_.hoisted())
    for (int out : graph_.nodes()[size_t(step.node)].out)
      constants_[out] = Tensor(graph_.info(out).type, options_.device);
  bind_all();
  if (std::ranges::any_of(hoisted_,
                          [](const Bound& b) { return b.step->lowered.workspace_bytes > 0; }))
    take_memory();
  for (const Bound& bound : hoisted_) execute(bound);
  pack_weights();
  has_constants_ = true;
}

void Plan::release_constants() {
  constants_.clear();
  for (Bound& bound : steps_) bound.packed.reset();
  constant_bytes_ = 0;
  has_constants_ = false;
}

void Plan::take_memory() {
  if (memory_->holds_values_of(number_)) return;
  std::byte* arena = memory_->take(number_);
  // All bits set is NaN in every float type: memory used before it is written shows at once.
  if (!arena_) fill_bytes(arena, options_.device, 0xFF, arena_bytes());
  for (int lane = 0; lane < blueprint_.lanes(); ++lane) {
    const auto [offset, bytes] = blueprint_.zeroed(lane);
    fill_bytes(arena + offset, options_.device, 0, bytes);
  }
  if (arena == arena_) return;
  arena_ = arena;
  bind_all();
}

void Plan::check_holds_values() const {
  SF_CHECK(memory_->holds_values_of(number_),
           "plan: wanted values of this plan in its memory, found none: it did not run yet, or "
           "another plan has taken the memory since");
}

void Plan::bind_all() {
  recorded_.forget();
  for (auto* steps : {&hoisted_, &steps_})
    for (Bound& bound : *steps) bind(bound);
  states_.clear();
  for (const Bound& bound : steps_)
    for (int v : graph_.nodes()[size_t(bound.step->node)].in)
      if (graph_.info(v).state) states_[v] = graph_.info(v).state.data();
}

bool Plan::states_moved() const {
  return std::ranges::any_of(
      states_, [&](const auto& s) { return graph_.info(s.first).state.data() != s.second; });
}

// Points the step to its tensors, but for constants that are no longer needed.
void Plan::bind(Bound& bound) const {
  const auto& node = graph_.nodes()[size_t(bound.step->node)];
  for (size_t i = 0; i < node.in.size(); ++i)
    if (const auto found = find(node.in[i], *bound.step, bound.step->site.in[i]))
      bound.in[i] = *found;
  for (size_t i = 0; i < node.out.size(); ++i)
    if (const auto found = find(node.out[i], *bound.step, bound.step->site.out[i]))
      bound.out[i] = *found;
}

// Packs frozen weights and lets go of each constant as soon as nothing reads it any more: at no
// time are all weights here twice.
void Plan::pack_weights() {
  std::map<const std::byte*, int> readers;
  for (const Bound& bound : steps_)
    for (const TensorRef& in : bound.in) ++readers[in.data];
  for (int v : blueprint_.outputs()) ++readers[ref(v).data];
  const auto unread = [&](const auto& entry) { return readers[entry.second.data()] == 0; };
  std::erase_if(constants_, unread);
  const Queue queue = memory_->streams().queue(0);
  std::map<int, std::shared_ptr<Storage>> packed_by_node;  // pieces have the same weights
  for (Bound& bound : steps_) {
    const Lowered& lowered = bound.step->lowered;
    if (lowered.packed_input < 0) continue;
    std::shared_ptr<Storage>& packed = packed_by_node[bound.step->node];
    if (!packed) {
      packed = Storage::allocate(options_.device, lowered.packed_bytes);
      constant_bytes_ += packed->size();
      lowered.pack({bound.in, bound.out, packed->data(), nullptr}, queue);
    }
    bound.packed = packed;
    if (--readers[bound.in[size_t(lowered.packed_input)].data] == 0)
      std::erase_if(constants_, unread);
  }
  for (const auto& [value, tensor] : constants_) constant_bytes_ += size_t(tensor.type().bytes());
#ifdef __GLIBC__
  if (options_.device.is_host() && constant_bytes_ > 0)
    malloc_trim(0);  // what was let go lies between what was packed, and would be held on to
#endif
}

std::optional<TensorRef> Plan::find(int value) const {
  const auto& info = graph_.info(value);
  const int64_t channels = info.type.shape.channels();
  if (info.state) return TensorRef{state_data(info), info.type, channels};
  if (auto constant = constants_.find(value); constant != constants_.end())
    return TensorRef{constant->second.data(), info.type, channels};
  const auto offset = blueprint_.placement().offset(value);
  if (!offset) return {};
  return TensorRef{arena_ ? arena_ + *offset : nullptr, info.type,
                   blueprint_.placement().pitch(value)};
}

std::optional<TensorRef> Plan::find(int value, const Step& step, const OpSite::Port& port) const {
  auto found = find(value);
  const FrameChains& chains = blueprint_.placement().chains();
  if (!found || !chains.chain(step.node)) return found;
  found->type = port.type;
  if (found->data) found->data += chains.piece_offset(step.node, value, step.piece, found->pitch);
  return found;
}

std::byte* Plan::state_data(const Graph::ValueInfo& info) const {
  const Device device = info.state.device();
  SF_CHECK(device == options_.device || (device.is_host() && options_.device.is_host()), "plan: '",
           info.name, "' is on ", device.name(), ", wanted it on ", options_.device.name());
  return info.state.data();
}

TensorRef Plan::ref(int value) const {
  const auto found = find(value);
  SF_CHECK(found, "plan: '", graph_.info(value).name, "' is not part of this plan");
  return *found;
}

// Of a run from step `begin` on: what comes before has ended.
void Plan::execute(const Bound& bound, size_t begin) const {
  const Step& step = *bound.step;
  const LaneStreams& streams = memory_->streams();
  const bool on_cuda = streams.cuda_device().has_value();
  if (on_cuda)
    for (int other : step.waits)
      if (size_t(other) >= begin) streams.wait(step.lane, *steps_[size_t(other)].done);
  std::byte* workspace = arena_ ? arena_ + blueprint_.workspace_offset(step) : nullptr;
  step.lowered.run({bound.in, bound.out, bound.packed ? bound.packed->data() : nullptr, workspace},
                   streams.queue(step.lane));
  if (bound.done) streams.record(*bound.done, step.lane);
  if (on_cuda) cuda::check_launches(step.name);
  if (!options_.check_finite || step.op->ends_later()) return;
  for (const TensorRef& out : bound.out)
    SF_CHECK(!not_finite(out, options_.device), step.name, ": ", step.op->name(),
             " gave a value that is not finite");
}

void Plan::run() { run(0, steps_.size()); }

void Plan::run(size_t begin, size_t end) {
  if (begin == 0 && (!arena_ || !has_inputs_)) take_memory();
  check_holds_values();
  if (!has_constants_) make_constants();
  if (states_moved()) bind_all();
  const cuda::DeviceScope scope(memory_->streams().cuda_device());
  const auto queue_range = [&] { queue(begin, end); };
  recorded_.run(memory_->streams(), begin, end, std::ref(queue_range));  // a copy would allocate
}

void Plan::queue(size_t begin, size_t end) {
  LaneStreams& streams = memory_->streams();
  streams.fork(blueprint_.lanes());
  for (size_t s = begin; s < end; ++s) execute(steps_[s], begin);
  streams.join(blueprint_.lanes());
}

std::optional<Plan::NotFinite> Plan::find_not_finite(size_t end) {
  check_holds_values();
  const cuda::DeviceScope scope(memory_->streams().cuda_device());
  std::optional<NotFinite> found;
  for (int v = 0; v < graph_.value_count(); ++v) {
    const auto& info = graph_.info(v);
    if (info.producer >= 0 || info.state || !blueprint_.placement().offset(v)) continue;
    if (const auto pixel = found ? std::nullopt : not_finite(ref(v), options_.device))
      found = {info.name, row_of(info.type.shape, *pixel), 0};
  }
  for (size_t s = 0; s < end; ++s) {
    execute(steps_[s]);
    const Step& step = *steps_[s].step;
    if (step.op->ends_later()) continue;
    for (size_t o = 0; o < steps_[s].out.size() && !found; ++o) {
      const TensorRef& out = steps_[s].out[o];
      const auto pixel = not_finite(out, options_.device);
      if (!pixel) continue;
      const int value = graph_.nodes()[size_t(step.node)].out[o];
      const int64_t before = step.piece * out.type.shape.pixels();
      found = {step.name, row_of(graph_.info(value).type.shape, before + *pixel), s + 1};
    }
  }
  return found;
}

std::optional<TensorRef> Plan::place(Value input) {
  const auto& info = graph_.info(input.id());
  SF_CHECK(info.producer < 0 && !info.state, "plan: '", info.name, "' is not an input");
  if (!blueprint_.placement().offset(input.id())) return {};
  take_memory();
  return ref(input.id());
}

void Plan::feed(Value input, const Tensor& value) {
  SF_CHECK(value && value.type() == input.type(), "plan: input '", graph_.info(input.id()).name,
           "' wants ", input.type(), ", found ", value ? cat(value.type()) : "nothing");
  if (const auto to = place(input))
    copy_bytes(to->data, options_.device, value.data(), value.device(),
               size_t(value.type().bytes()));
}

TensorRef Plan::result(Value output) const {
  if (blueprint_.placement().offset(output.id())) check_holds_values();
  return ref(output.id());
}

Tensor Plan::fetch(Value output) const { return dense_copy(result(output), options_.device); }

Tensor evaluate(Value value, const std::vector<std::pair<Value, Tensor>>& inputs,
                const PlanOptions& options) {
  Plan plan(value.graph(), std::vector{value}, options);
  for (const auto& [input, tensor] : inputs) plan.feed(input, tensor);
  plan.run();
  return plan.fetch(value);
}

}  // namespace sf
