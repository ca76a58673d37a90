#include "autograd/plan/measurement.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

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

template <class F>
double seconds_of(Plan& plan, int times, const F& run) {
  plan.synchronize();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) run();
  plan.synchronize();
  return Seconds(std::chrono::steady_clock::now() - begin).count() / times;
}

// As many as take about that long, at least three.
int times_in(double seconds, double one) { return int(std::clamp(seconds / one, 3.0, 1000.0)); }

// The mean of many times one after another.
template <class F>
double mean_seconds(Plan& plan, double seconds, const F& run) {
  seconds_of(plan, 2, run);  // loads kernels and records the run
  return seconds_of(plan, times_in(seconds, seconds_of(plan, 1, run)), run);
}

// The least of each range of steps, [first, second), in runs of one range after the other.
using Ranges = std::vector<std::pair<size_t, size_t>>;
std::vector<double> least_seconds(Plan& plan, const Ranges& ranges) {
  const auto run_all = [&] { plan.run(); };
  run_all();
  const int times = times_in(2.0, seconds_of(plan, 1, run_all));
  std::vector<double> least(ranges.size(), std::numeric_limits<double>::max());
  for (int i = 0; i < times; ++i)
    for (size_t r = 0; r < ranges.size(); ++r) {
      const auto [first, last] = ranges[r];
      least[r] = std::min(least[r], seconds_of(plan, 1, [&] { plan.run(first, last); }));
    }
  return least;
}

void feed(Plan& plan, std::span<const Value> inputs) {
  for (const Value& input : inputs) plan.feed(input, input_values(input.type()));
}

}  // namespace

Measurement measure(Plan& one_lane, Plan& whole, std::span<const Value> inputs) {
  const bool in_turn = whole.device().is_host();
  Measurement result;
  feed(whole, inputs);
  result.run = in_turn ? least_seconds(whole, {{0, whole.steps().size()}}).front()
                       : mean_seconds(whole, 1.0, [&] { whole.run(); });
  feed(one_lane, inputs);
  one_lane.run();
  Ranges steps;
  for (size_t s = 0; s < one_lane.steps().size(); ++s) steps.emplace_back(s, s + 1);
  if (in_turn)
    result.steps = least_seconds(one_lane, steps);
  else
    for (const auto& [first, last] : steps)
      result.steps.push_back(mean_seconds(one_lane, 0.01, [&] { one_lane.run(first, last); }));
  return result;
}

}  // namespace sf
