#include "autograd/plan/plan.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "autograd/plan/device_values.h"

namespace sf {
namespace {

std::vector<int> ids(std::span<const Value> values) {
  std::vector<int> out;
  for (Value v : values) out.push_back(v.id());
  return out;
}

// The first index of a pixel.
int64_t row_of(const TensorRef& t, int64_t pixel) {
  const Shape& s = t.type.shape;
  return s.rank() < 2 ? 0 : pixel / (s.pixels() / s[0]);
}

Lowered lower(const Graph::Node& node, const OpSite& site, Device device) {
  try {
    return node.op->lower(site);
  } catch (const NoKernel&) {
    std::string types;
    for (const auto& port : site.in) types += cat(types.empty() ? "" : ", ", port.type);
    throw Error(cat(node.name, ": ", node.op->name(), ": no kernel of device ", device.name(),
                    " can run it on ", types));
  }
}

}  // namespace

Plan::Plan(const Graph& graph, std::span<const Value> outputs, const PlanOptions& options)
    : graph_(graph), options_(options), outputs_(ids(outputs)) {
  if (options.device.backend == Backend::cuda) stream_.emplace(options.device.index);
  const std::vector<int> order = execution_order(graph, outputs_);
  const std::vector<bool> frozen = frozen_values(graph, order);
  placement_ = Placement(
      graph, order, frozen, outputs_,
      {.backend = options.device.backend, .tf32 = options.tf32, .reuse = options.reuse_buffers});

  for (int n : order) {
    const auto& node = graph.nodes()[size_t(n)];
    Lowered low = lower(node, placement_.site(node), options.device);
    workspace_bytes_ = std::max(workspace_bytes_, low.workspace_bytes);
    Step step{n, node.name, node.op, placement_.site(node), std::move(low), {}, {}, nullptr};
    step.in.resize(node.in.size());
    step.out.resize(node.out.size());
    (sf::hoisted(node, frozen) ? hoisted_ : steps_).push_back(std::move(step));
  }
  if (double(arena_bytes()) > options.memory_limit_bytes)
    throw PlanTooLarge(arena_bytes(), options.memory_limit_bytes);
  memory_ = options.memory ? options.memory : std::make_shared<ArenaMemory>(options.device);
  number_ = memory_->enter(arena_bytes());
  for (int v = 0; v < graph.value_count(); ++v)
    has_inputs_ |= graph.info(v).producer < 0 && placement_.offset(v);
  make_constants();
}

void Plan::make_constants() {
  const cuda::DeviceScope scope(cuda_device());
  for (const Step& step : hoisted_)
    for (int out : graph_.nodes()[size_t(step.node)].out)
      constants_[out] = Tensor(graph_.info(out).type, options_.device);
  for (Step& step : hoisted_) bind(step);
  for (Step& step : steps_) bind(step);
  if (std::ranges::any_of(hoisted_, [](const Step& s) { return s.lowered.workspace_bytes > 0; }))
    take_memory();
  for (const Step& step : hoisted_) execute(step);
  pack_weights();
  has_constants_ = true;
}

void Plan::release_constants() {
  constants_.clear();
  for (Step& step : steps_) step.packed.reset();
  constant_bytes_ = 0;
  has_constants_ = false;
}

void Plan::take_memory() {
  if (memory_->holds_values_of(number_)) return;
  std::byte* arena = memory_->take(number_);
  // All bits set is NaN in every float type: memory used before it is written shows at once.
  if (!arena_) fill_bytes(arena, options_.device, 0xFF, arena_bytes());
  if (arena == arena_) return;
  arena_ = arena;
  for (Step& step : hoisted_) bind(step);
  for (Step& step : steps_) bind(step);
}

void Plan::check_holds_values() const {
  SF_CHECK(memory_->holds_values_of(number_),
           "plan: wanted values of this plan in its memory, found none: it did not run yet, or "
           "another plan has taken the memory since");
}

// Points the step to its tensors, but for constants that are no longer needed.
void Plan::bind(Step& step) const {
  const auto& node = graph_.nodes()[size_t(step.node)];
  for (size_t i = 0; i < node.in.size(); ++i)
    if (const auto found = find(node.in[i])) step.in[i] = *found;
  for (size_t i = 0; i < node.out.size(); ++i)
    if (const auto found = find(node.out[i])) step.out[i] = *found;
}

// Packs frozen weights and lets go of each constant as soon as nothing reads it any more: at no
// time are all weights here twice.
void Plan::pack_weights() {
  std::map<const std::byte*, int> readers;
  for (const Step& step : steps_)
    for (const TensorRef& in : step.in) ++readers[in.data];
  for (int v : outputs_) ++readers[ref(v).data];
  const auto unread = [&](const auto& entry) { return readers[entry.second.data()] == 0; };
  std::erase_if(constants_, unread);
  for (Step& step : steps_) {
    if (step.lowered.packed_input < 0) continue;
    step.packed = Storage::allocate(options_.device, step.lowered.packed_bytes);
    constant_bytes_ += step.packed->size();
    step.lowered.pack({step.in, step.out, step.packed->data(), nullptr}, queue());
    if (--readers[step.in[size_t(step.lowered.packed_input)].data] == 0)
      std::erase_if(constants_, unread);
  }
  for (const auto& [value, tensor] : constants_) constant_bytes_ += size_t(tensor.type().bytes());
}

std::optional<TensorRef> Plan::find(int value) const {
  const auto& info = graph_.info(value);
  const int64_t channels = info.type.shape.channels();
  if (info.state) return TensorRef{state_data(info), info.type, channels};
  if (auto constant = constants_.find(value); constant != constants_.end())
    return TensorRef{constant->second.data(), info.type, channels};
  const auto offset = placement_.offset(value);
  if (!offset) return {};
  return TensorRef{arena_ ? arena_ + *offset : nullptr, info.type, placement_.pitch(value)};
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

void Plan::execute(const Step& step) const {
  std::byte* workspace = arena_ ? arena_ + placement_.bytes() : nullptr;
  step.lowered.run({step.in, step.out, step.packed ? step.packed->data() : nullptr, workspace},
                   queue());
  if (stream_) cuda::check_launches(step.name);
  if (!options_.check_finite) return;
  for (const TensorRef& out : step.out)
    SF_CHECK(!not_finite(out, options_.device), step.name, ": ", step.op->name(),
             " gave a value that is not finite");
}

void Plan::run() { run(0, steps_.size()); }

void Plan::run(size_t begin, size_t end) {
  if (begin == 0 && (!arena_ || !has_inputs_)) take_memory();
  check_holds_values();
  if (!has_constants_) make_constants();
  const cuda::DeviceScope scope(cuda_device());
  for (size_t s = begin; s < end; ++s) execute(steps_[s]);
}

std::optional<Plan::NotFinite> Plan::find_not_finite(size_t end) {
  check_holds_values();
  const cuda::DeviceScope scope(cuda_device());
  for (int v = 0; v < graph_.value_count(); ++v) {
    const auto& info = graph_.info(v);
    if (info.producer >= 0 || info.state || !placement_.offset(v)) continue;
    if (const auto pixel = not_finite(ref(v), options_.device))
      return NotFinite{info.name, row_of(ref(v), *pixel)};
  }
  for (size_t s = 0; s < end; ++s) {
    execute(steps_[s]);
    for (const TensorRef& out : steps_[s].out)
      if (const auto pixel = not_finite(out, options_.device))
        return NotFinite{steps_[s].name, row_of(out, *pixel)};
  }
  return {};
}

std::optional<TensorRef> Plan::place(Value input) {
  const auto& info = graph_.info(input.id());
  SF_CHECK(info.producer < 0 && !info.state, "plan: '", info.name, "' is not an input");
  if (!placement_.offset(input.id())) return {};
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

Tensor Plan::fetch(Value output) const {
  if (placement_.offset(output.id())) check_holds_values();
  return dense_copy(ref(output.id()), options_.device);
}

double Plan::flops() const {
  double sum = 0;
  for (const Step& step : steps_) sum += step.op->flops(step.site);
  return sum;
}

std::string Plan::describe() const {
  const auto place = [&](int value) {
    const auto offset = placement_.offset(value);
    if (!offset) return std::string("constant");
    const int64_t pitch = placement_.pitch(value);
    const bool dense = pitch == graph_.info(value).type.shape.channels();
    return fmt::format("{}{}", *offset, dense ? "" : fmt::format(" pitch {}", pitch));
  };
  std::string text = fmt::format("{:<40} {:<12} {:<28} {:<26} {:<18} {:>10}\n", "step", "op",
                                 "kernel", "output", "offset", "MFLOP");
  for (const Step& s : steps_) {  // a step without outputs writes its first written input
    const auto& node = graph_.nodes()[size_t(s.node)];
    const int out = s.out.empty() ? node.in[size_t(s.op->written_inputs()[0])] : node.out[0];
    text += fmt::format("{:<40} {:<12} {:<28} {:<26} {:<18} {:>10.2f}\n", s.name, s.op->name(),
                        s.lowered.kernel, cat(graph_.info(out).type), place(out),
                        s.op->flops(s.site) / 1e6);
  }
  constexpr double kMiB = 1 << 20;
  text += fmt::format(
      "{} steps, {} hoisted; {:.3f} GFLOP; {:.1f} MiB of activations and workspace, {:.1f} MiB of "
      "packed weights and "
      "constants; {} tensors joined without a copy\n",
      steps_.size(), hoisted_.size(), flops() / 1e9, double(arena_bytes()) / kMiB,
      double(constant_bytes_) / kMiB, joined_without_copy());
  return text;
}

std::string Plan::shapes() const {
  std::set<std::string> seen;
  std::string text;
  for (const Step& step : steps_)
    if (const std::string line = step.op->problem_text(step.site);
        !line.empty() && seen.insert(line).second)
      text += line + "\n";
  return text;
}

Tensor evaluate(Value value, const std::vector<std::pair<Value, Tensor>>& inputs,
                const PlanOptions& options) {
  Plan plan(value.graph(), std::vector{value}, options);
  for (const auto& [input, tensor] : inputs) plan.feed(input, tensor);
  plan.run();
  return plan.fetch(value);
}

}  // namespace sf
