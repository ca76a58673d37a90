#include "autograd/plan/prediction.h"

#include <algorithm>
#include <array>
#include <vector>

namespace sf {
namespace {

double port_bytes(const OpSite::Port& port) { return double(port.type.bytes()); }

Work work_of(const Blueprint::Step& step) {
  return {.bytes = traffic_bytes(step),
          .operations = step.op->flops(step.site),
          .type = step.site.in.empty() ? DType::f32 : step.site.in[0].type.dtype,
          .tf32 = step.lowered.kernel.find("tf32") != std::string::npos};
}

}  // namespace

// Dense, at boost clock, from NVIDIA's "H100 Tensor Core GPU Architecture" and "Ada GPU
// Architecture".
std::span<const GpuFigures> known_gpus() {
  static constexpr std::array kGpus{
      GpuFigures{
          .name = "H100 SXM",
          .peaks = {.bandwidth = 3350e9, .single = 66.9e12, .tf32 = 494.7e12, .half = 989.4e12}},
      GpuFigures{
          .name = "RTX 4090",
          .peaks = {.bandwidth = 1008e9, .single = 82.6e12, .tf32 = 82.6e12, .half = 165.2e12}}};
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

double predicted_seconds(const Blueprint::Step& step, const Peaks& peaks) {
  return roofline_seconds(work_of(step), peaks) + step.lowered.launches * kLaunchSeconds;
}

PredictedTime predicted_time(const Blueprint& blueprint, const Peaks& peaks) {
  PredictedTime time;
  double traffic = 0, arithmetic = 0;
  std::vector<double> ends;                                  // by step
  std::vector<double> lane_ends(size_t(blueprint.lanes()));  // so far
  for (const Blueprint::Step& step : blueprint.steps()) {
    const double seconds = predicted_seconds(step, peaks);
    double& end = lane_ends[size_t(step.lane)];
    for (int other : step.waits) end = std::max(end, ends[size_t(other)]);
    end += seconds;
    ends.push_back(end);
    time.in_turn += seconds;
    const Work work = work_of(step);
    traffic += work.bytes / peaks.bandwidth;
    arithmetic += work.operations / peaks.operations(work.type, work.tf32);
  }
  time.overlapping = std::max(
      {std::ranges::max(lane_ends), traffic, arithmetic, blueprint.launches() * kLaunchSeconds});
  return time;
}

}  // namespace sf
