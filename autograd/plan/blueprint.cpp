#include "autograd/plan/blueprint.h"

#include <algorithm>
#include <set>
#include <utility>

#include "autograd/plan/kernel_tuner.h"
#include "kernels/base/cuda/libraries.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/machine.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

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

// The device, where this machine has it.
std::optional<int> present_cuda_device(Device device) {
  if (device.backend != Backend::cuda || device.index >= cuda::device_count()) return {};
  return device.index;
}

// All that the times of kernels depend on beside the problem; empty where they cannot be measured.
std::string measured_device(Device device) {
  if (device.backend == Backend::cpu)
    return cat(processor_name(), ", ", max_threads(), " threads, ", vector_extensions(),
               ", oneDNN ", onednn_version(), " ", onednn_instruction_sets());
  const auto present = present_cuda_device(device);
  if (!present) return {};
  return cat(cuda::device_name(*present), ", cuDNN ", describe_cudnn(), ", cuBLASLt ",
             describe_cublaslt());
}

size_t padded(size_t bytes) {
  return (bytes + Placement::kAlignment - 1) / Placement::kAlignment * Placement::kAlignment;
}

}  // namespace

Blueprint::Blueprint(const Graph& graph, std::span<const Value> outputs,
                     const BlueprintOptions& options)
    : graph_(&graph), device_(options.device), workspaces_(1) {
  for (Value v : outputs) outputs_.push_back(v.id());
  // Libraries prepare problems for the thread's device.
  const cuda::DeviceScope scope(present_cuda_device(device_));
  std::optional<KernelTuner> tuner;
  if (options.kernels.tune)
    if (const std::string measured = measured_device(device_); !measured.empty())
      tuner.emplace(measured, kernel_times_file());
  const std::vector<int> order = execution_order(graph, outputs_);
  const std::vector<bool> frozen = frozen_values(graph, order);
  const int by_device = device_.backend == Backend::cuda ? 2 : 1;
  const Lanes lanes(graph, order, frozen, options.lanes > 0 ? options.lanes : by_device);
  FrameChains chains;  // of neighbours, as steps of one lane are
  if (device_.backend == Backend::cpu && options.lanes <= 1 && options.reuse_buffers &&
      options.piece_bytes > 0)
    chains = FrameChains(graph, order, frozen, outputs_, options.piece_bytes);
  placement_ = Placement(
      graph, order, frozen, lanes, std::move(chains), outputs_,
      {.backend = device_.backend, .kernels = options.kernels, .reuse = options.reuse_buffers});

  std::vector<int> numbers(graph.nodes().size());  // of the steps, by node
  std::vector<Step> chain;
  for (int n : order) {
    const auto& node = graph.nodes()[size_t(n)];
    const OpSite site = placement_.site(n);
    OpSite measured = site;
    if (tuner) measured.tuner = &*tuner;
    Step step{.node = n,
              .name = node.name,
              .op = node.op,
              .site = site,
              .lowered = lower(node, measured, device_)};
    const bool once = sf::hoisted(node, frozen);
    if (!once) {
      step.lane = lanes.lane(n);
      for (int other : lanes.waits(n)) {
        step.waits.push_back(numbers[size_t(other)]);
        steps_[size_t(step.waits.back())].awaited = true;
      }
      numbers[size_t(n)] = int(steps_.size());
    }
    workspaces_.resize(std::max(workspaces_.size(), size_t(step.lane) + 1));
    Workspace& workspace = workspaces_[size_t(step.lane)];
    const Lowered& lowered = step.lowered;
    workspace.zeroed = std::max(workspace.zeroed, lowered.zeroed_bytes);
    workspace.bytes = std::max(workspace.bytes, lowered.workspace_bytes - lowered.zeroed_bytes);
    if (const auto* frames = placement_.chains().chain(n)) {
      step.pieces = placement_.chains().pieces(n);
      chain.push_back(std::move(step));
      if (n == frames->nodes.back()) add_pieces(std::exchange(chain, {}));
    } else {
      (once ? hoisted_ : steps_).push_back(std::move(step));
    }
  }
  if (tuner) tuner->save();
}

void Blueprint::add_pieces(const std::vector<Step>& chain) {
  const int64_t pieces = chain.front().pieces;
  for (int64_t made = 1; made <= pieces; ++made)
    for (const Step& step : chain) {
      const int64_t joined = pieces / step.pieces;
      if (made % joined != 0) continue;  // there will be more of what it takes
      steps_.push_back(step);
      steps_.back().piece = made / joined - 1;
    }
}

Blueprint::Range Blueprint::zeroed(int lane) const {
  size_t at = placement_.bytes();
  for (int before = 0; before < lane; ++before) at += padded(workspaces_[size_t(before)].end());
  return {at, workspaces_[size_t(lane)].zeroed};
}

size_t Blueprint::workspace_offset(const Step& step) const {
  const Range range = zeroed(step.lane);
  return range.offset + range.bytes - step.lowered.zeroed_bytes;
}

size_t Blueprint::arena_bytes() const {
  return zeroed(lanes() - 1).offset + workspaces_.back().end();
}

size_t Blueprint::constant_bytes() const {
  size_t bytes = 0;
  std::set<int> read(outputs_.begin(), outputs_.end());
  for (const Step& step : steps_) {
    if (step.lowered.packed_input >= 0 && step.piece == 0) bytes += step.lowered.packed_bytes;
    const auto& in = graph_->nodes()[size_t(step.node)].in;
    for (size_t i = 0; i < in.size(); ++i)
      if (int(i) != step.lowered.packed_input) read.insert(in[i]);
  }
  for (const Step& step : hoisted_)
    for (int out : graph_->nodes()[size_t(step.node)].out)
      if (read.contains(out)) bytes += size_t(graph_->info(out).type.bytes());
  return bytes;
}

double Blueprint::flops() const {
  double sum = 0;
  for (const Step& step : steps_) sum += step.op->flops(step.site);
  return sum;
}

int Blueprint::node_count() const { return int(std::ranges::count(steps_, 0, &Step::piece)); }

int Blueprint::launches() const {
  int sum = 0;
  for (const Step& step : steps_) sum += step.lowered.launches;
  return sum;
}

}  // namespace sf
