// How long GPUs would take for a plan by their makers' figures: a prediction, not a measurement.
// A run may be faster where a step reads part of an input only, where second-level caches keep
// something, or where launches hide behind kernels; mma.sync, which the kernels multiply
// half types with, does not reach the tensor cores' figure on an H100.
#pragma once

#include <span>
#include <string_view>

#include "autograd/plan/blueprint.h"
#include "kernels/base/peaks.h"

namespace sf {

struct GpuFigures {
  std::string_view name;
  Peaks peaks;
};
std::span<const GpuFigures> known_gpus();

// What a launch is taken to cost beside its kernel: an assumption, of the order that is commonly
// measured.
inline constexpr double kLaunchSeconds = 3e-6;

// What a step reads and writes if it touches everything once: inputs, packed weights in the place
// of those they were made of, outputs, written states.
double traffic_bytes(const Blueprint::Step& step);

// The longer of traffic at full bandwidth and arithmetic at full speed, and the launches; nothing
// for a step that launches nothing. Arithmetic is counted at the speed of the type of input 0, that
// of float32 at the speed of TF32 for the kernels that have it in their name.
double predicted_seconds(const Blueprint::Step& step, const Peaks& peaks);

struct PredictedTime {
  double in_turn = 0;      // seconds; all steps one after another
  double overlapping = 0;  // where lanes never wait but for each other
};
// Overlapping is bounded by the longest chain of steps, by the traffic and the arithmetic of all
// together, and by their launches, which one thread makes.
PredictedTime predicted_time(const Blueprint& blueprint, const Peaks& peaks);

}  // namespace sf
