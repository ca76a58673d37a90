#include "autograd/plan/prediction.h"

#include <algorithm>
#include <array>
#include <vector>

namespace sf {
namespace {

double port_bytes(const OpSite::Port& port) { return double(port.type.bytes()); }

double arithmetic_seconds(const Blueprint::Step& step, const GpuFigures& gpu) {
  const bool half = !step.site.in.empty() && is_half(step.site.in[0].type.dtype);
  const bool tf32 = step.lowered.kernel.find("tf32") != std::string::npos;
  return step.op->flops(step.site) / (half ? gpu.half : tf32 ? gpu.tf32 : gpu.single);
}

}  // namespace

// Dense, at boost clock, from NVIDIA's "H100 Tensor Core GPU Architecture" and "Ada GPU
// Architecture".
std::span<const GpuFigures> known_gpus() {
  static constexpr std::array kGpus{GpuFigures{.name = "H100 SXM",
                                               .bandwidth = 3350e9,
                                               .single = 66.9e12,
                                               .tf32 = 494.7e12,
                                               .half = 989.4e12},
                                    GpuFigures{.name = "RTX 4090",
                                               .bandwidth = 1008e9,
                                               .single = 82.6e12,
                                               .tf32 = 82.6e12,
                                               .half = 165.2e12}};
  return kGpus;
}

double traffic_bytes(const Blueprint::Step& step) {
  if (step.lowered.launches == 0) return 0;
  double bytes = 0;
  for (size_t i = 0; i < step.site.in.size(); ++i)
    bytes += int(i) == step.lowered.packed_input ? double(step.lowered.packed_bytes)
                                                 : port_bytes(step.site.in[i]);
  for (const auto& out : step.site.out) bytes += port_bytes(out);
  for (int written : step.op->written_inputs()) bytes += port_bytes(step.site.in[size_t(written)]);
  return bytes;
}

double predicted_seconds(const Blueprint::Step& step, const GpuFigures& gpu) {
  return std::max(traffic_bytes(step) / gpu.bandwidth, arithmetic_seconds(step, gpu)) +
         step.lowered.launches * kLaunchSeconds;
}

PredictedTime predicted_time(const Blueprint& blueprint, const GpuFigures& gpu) {
  PredictedTime time;
  double traffic = 0, arithmetic = 0;
  std::vector<double> ends;                                  // by step
  std::vector<double> lane_ends(size_t(blueprint.lanes()));  // so far
  for (const Blueprint::Step& step : blueprint.steps()) {
    const double seconds = predicted_seconds(step, gpu);
    double& end = lane_ends[size_t(step.lane)];
    for (int other : step.waits) end = std::max(end, ends[size_t(other)]);
    end += seconds;
    ends.push_back(end);
    time.in_turn += seconds;
    traffic += traffic_bytes(step) / gpu.bandwidth;
    arithmetic += arithmetic_seconds(step, gpu);
  }
  time.overlapping = std::max(
      {std::ranges::max(lane_ends), traffic, arithmetic, blueprint.launches() * kLaunchSeconds});
  return time;
}

}  // namespace sf
