#include "autograd/plan/measurement.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "kernels/base/counter_rng.h"
#include "kernels/base/element.h"

namespace sf {
namespace {

using Seconds = std::chrono::duration<double>;

Tensor input_values(const TensorType& type) {
  Tensor values = Tensor::zeros({type.shape, is_real(type.dtype) ? DType::f32 : type.dtype});
  if (!is_real(type.dtype)) return values;
  const CounterRng rng("measurement");
  for (uint64_t i = 0; float& v : values.span<float>()) v = rng.uniform(i++, -2, 2);
  return values.to(type.dtype);
}

double seconds_of(Plan& plan, int times, const std::function<void()>& run) {
  plan.synchronize();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) run();
  plan.synchronize();
  return Seconds(std::chrono::steady_clock::now() - begin).count() / times;
}

// The mean over as many runs as take about that long, at least three.
double measured(Plan& plan, double seconds, const std::function<void()>& run) {
  seconds_of(plan, 2, run);  // loads kernels and records the run
  const double first = seconds_of(plan, 1, run);
  return seconds_of(plan, int(std::clamp(seconds / first, 3.0, 1000.0)), run);
}

void feed(Plan& plan, std::span<const Value> inputs) {
  for (const Value& input : inputs) plan.feed(input, input_values(input.type()));
}

}  // namespace

Measurement measure(Plan& one_lane, Plan& whole, std::span<const Value> inputs) {
  Measurement result;
  feed(whole, inputs);
  result.run = measured(whole, 1.0, [&] { whole.run(); });
  feed(one_lane, inputs);
  one_lane.run();
  for (size_t s = 0; s < one_lane.steps().size(); ++s)
    result.steps.push_back(measured(one_lane, 0.01, [&] { one_lane.run(s, s + 1); }));
  return result;
}

}  // namespace sf
