// The values in the checkpoints of tests/golden: a function of the parameter's name and the
// element's number alone.
#pragma once

#include <cmath>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "kernels/base/counter_rng.h"
#include "tensor/tensor.h"

namespace sf {

struct CounterRange {
  float lo = 0, hi = 0;
};

// shape: in PyTorch's order, O I T H W.
inline CounterRange counter_range_of(std::string_view name, const Shape& shape) {
  const auto within = [](double bound) { return CounterRange{float(-bound), float(bound)}; };
  const auto contains = [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  };
  if (name.ends_with("running_mean") || name.ends_with("bias")) return within(0.1);
  if (name.ends_with("running_var")) return {0.5f, 1.5f};
  if (shape.rank() < 2) return name.ends_with("weight") ? CounterRange{0.5f, 1.0f} : within(0.1);
  const double fan_in = double(shape.numel() / shape[0]);
  if (shape.rank() == 2) return within(std::sqrt(3 / fan_in));
  double bound = std::sqrt(6 / fan_in);
  if (contains("branch2.b.weight")) bound /= 2;
  for (const char* part : {"branch2.c.weight", "conv_out.weight", "conv_theta.weight",
                           "conv_phi.weight", "conv_g.weight"})
    if (contains(part)) bound /= 4;
  return within(bound);
}

// Every value of a tensor in engine layout, bit for bit; num_batches_tracked is 0.
inline void expect_counter_values(const std::string& name, const Tensor& tensor) {
  if (name.ends_with("num_batches_tracked")) {
    ASSERT_EQ(tensor.type(), (TensorType{Shape{}, DType::i64})) << name;
    EXPECT_EQ(tensor.span<int64_t>()[0], 0) << name;
    return;
  }
  const Tensor published = channels_first_from_last(tensor);
  const CounterRng rng(name);
  const auto [lo, hi] = counter_range_of(name, published.shape());
  const auto found = published.span<float>();
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_EQ(found[i], rng.uniform(i, lo, hi))
        << name << " element " << i << " of " << published.type();
}

}  // namespace sf
