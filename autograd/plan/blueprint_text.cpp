// Blueprints for people and for benchmarks.
#include <map>
#include <set>

#include <fmt/format.h>

#include "autograd/plan/blueprint.h"
#include "autograd/plan/prediction.h"

namespace sf {
namespace {

constexpr double kMiB = 1 << 20;

// Where a value lives: "4096", "4128 pitch 80", "constant".
std::string place(const Blueprint& blueprint, int value) {
  const Placement& placement = blueprint.placement();
  const auto offset = placement.offset(value);
  if (!offset) return "constant";
  const int64_t pitch = placement.pitch(value);
  const bool dense = pitch == blueprint.graph().info(value).type.shape.channels();
  return fmt::format("{}{}", *offset, dense ? "" : fmt::format(" pitch {}", pitch));
}

std::string streams(const Blueprint& blueprint) {
  if (blueprint.lanes() == 1) return "1 stream";
  std::vector<int> steps(size_t(blueprint.lanes()));
  int waits = 0;
  for (const Blueprint::Step& step : blueprint.steps()) {
    ++steps[size_t(step.lane)];
    waits += int(step.waits.size());
  }
  return fmt::format("{} streams of {} steps, {} waits between them", steps.size(),
                     fmt::join(steps, " and "), waits);
}

std::string prediction(const Blueprint& blueprint) {
  std::string text = fmt::format(
      "predicted, not measured (each step's traffic or arithmetic at the maker's figures, {:g} us "
      "assumed a launch):\n",
      kLaunchSeconds * 1e6);
  for (const GpuFigures& gpu : known_gpus()) {
    const PredictedTime time = predicted_time(blueprint, gpu.peaks);
    text += fmt::format("  {:<9} {:.3f} ms one step after another", gpu.name, time.in_turn * 1e3);
    if (blueprint.lanes() > 1)
      text +=
          fmt::format(", {:.3f} ms where streams never slow each other", time.overlapping * 1e3);
    text += "\n";
  }
  return text;
}

}  // namespace

std::string Blueprint::describe(std::span<const double> measured) const {
  const bool launched = device_.backend != Backend::cpu;
  const GpuFigures& gpu = known_gpus()[0];
  std::string text = fmt::format("{:<40} {:<12} {:<28} {:<26} {:<18} {:>10}", "step", "op",
                                 "kernel", "output", "offset", "MFLOP");
  if (launched)
    text += fmt::format(" {:>6} {:>8} {:>8} us by {}", "stream", "launches", "MB", gpu.name);
  if (!measured.empty())
    text += fmt::format(" {:>11} {:>8} {:>6}", "us measured", "GFLOP/s", "GB/s");
  text += "\n";
  std::map<int, double> seconds_of;  // by node
  for (size_t i = 0; i < measured.size(); ++i) seconds_of[steps_[i].node] += measured[i];
  for (const Step& s : steps_) {  // a step without outputs writes its first written input
    if (s.piece > 0) continue;
    const auto pieces = double(s.pieces);
    const double flops = s.op->flops(s.site) * pieces;
    const auto& node = graph_->nodes()[size_t(s.node)];
    const int out = s.site.out.empty() ? node.in[size_t(s.op->written_inputs()[0])] : node.out[0];
    const std::string kernel = s.lowered.kernel + (s.pieces > 1 ? cat(" x ", s.pieces) : "");
    text += fmt::format("{:<40} {:<12} {:<28} {:<26} {:<18} {:>10.2f}", s.name, s.op->name(),
                        kernel, cat(graph_->info(out).type), place(*this, out), flops / 1e6);
    if (launched)
      text += fmt::format(" {:>6} {:>8} {:>8.2f} {:>5.1f}", s.lane, s.lowered.launches,
                          traffic_bytes(s) / 1e6, predicted_seconds(s, gpu.peaks) * 1e6);
    if (!measured.empty()) {
      const double seconds = seconds_of[s.node];
      text += fmt::format(" {:>11.1f} {:>8.0f} {:>6.0f}", seconds * 1e6, flops / seconds / 1e9,
                          traffic_bytes(s) * pieces / seconds / 1e9);
    }
    text += "\n";
  }
  text += fmt::format(
      "{} steps, {} hoisted; {:.3f} GFLOP; {:.1f} MiB of activations and workspace, {:.1f} MiB of "
      "packed weights and constants; {} tensors joined without a copy\n",
      node_count(), hoisted_.size(), flops() / 1e9, double(arena_bytes()) / kMiB,
      double(constant_bytes()) / kMiB, joined_without_copy());
  if (launched)
    text += fmt::format("{} launches; {}\n{}", launches(), streams(*this), prediction(*this));
  return text;
}

std::string Blueprint::shapes() const {
  std::set<std::string> seen;
  std::string text;
  for (const Step& step : steps_)
    if (const std::string line = step.op->problem_text(placement_.whole_site(step.node));
        !line.empty() && seen.insert(line).second)
      text += line + "\n";
  return text;
}

}  // namespace sf
