// Small networks with whole-numbered weights for the tests of plans and rewrites.
#pragma once

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "autograd/ops/concat.h"
#include "autograd/ops/pointwise.h"
#include "autograd/plan/plan.h"
#include "kernels/base/counter_rng.h"
#include "layers/lateral_fusion.h"
#include "layers/nonlocal.h"
#include "layers/residual.h"
#include "layers/stem.h"

namespace sf {

inline constexpr Device kCuda{.backend = Backend::cuda};
inline const TensorType kSmallClip{{2, 3, 5, 5, 12}, DType::f32};

inline int count_ops(const Graph& graph, std::string_view op) {
  int n = 0;
  for (const auto& node : graph.nodes()) n += node.op->name() == op;
  return n;
}

inline Tensor random_tensor(std::string_view name, TensorType type, float lo, float hi) {
  Tensor t({type.shape, DType::f32});
  const CounterRng rng(name);
  for (size_t i = 0; float& v : t.span<float>()) v = rng.uniform(i++, lo, hi);
  return t.to(type.dtype);
}

inline Tensor whole_numbers(std::string_view name, TensorType type) {
  Tensor t = random_tensor(name, {type.shape, DType::f32}, -1.5F, 1.5F);
  for (float& v : t.span<float>()) v = std::round(v);
  return t.to(type.dtype);
}

// Rows first .. first + count of the first axis.
inline Tensor rows_of(const Tensor& all, int64_t first, int64_t count) {
  TensorType type = all.type();
  const int64_t bytes = type.bytes() / type.shape[0];
  type.shape.set(0, count);
  Tensor part = Tensor::zeros(type);
  std::memcpy(part.data(), all.data() + first * bytes, size_t(count * bytes));
  return part;
}

inline bool equal_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.data(), b.data(), size_t(a.type().bytes())) == 0;
}

// Batch norm statistics and weights away from their initial values, so that folding has something
// to do.
inline void randomise(const Module& root) {
  for (const Parameter& p : root.parameters()) {
    const bool positive = p.name.ends_with("running_var") || p.name.ends_with("bn.weight");
    p.tensor.copy_from(
        random_tensor(p.name, p.tensor.type(), positive ? 0.5f : -0.5f, positive ? 1.5f : 0.5f));
  }
}

// Two pathways with stems, a lateral connection, a residual stage with a non-local block and one
// without: every kind of layer that the SlowFast networks have.
struct TinySlowFast : Module {
  explicit TinySlowFast(DType dtype = DType::f32) : Module(dtype) { randomise(*this); }

  std::vector<TensorType> inputs(int64_t batch = 2) const {
    return {{{batch, 2, 16, 16, 3}, dtype()}, {{batch, 8, 16, 16, 3}, dtype()}};
  }

  Value operator()(Value slow, Value fast) const {
    Value s = slow_stem(slow), f = fast_stem(fast);
    s = fuse(s, f);
    s = slow_stage(s);
    f = fast_stage(f);
    return fuse_end(s, f);
  }

  static ResidualStage::Options slow_options() {
    ResidualStage::Options o;
    o.block.in = o.block.out = 16;
    o.block.inner = 8;
    o.temporal_kernels = {1, 3};
    o.nonlocal_blocks = {1};
    o.nonlocal.pool = {1, 2, 2};
    o.nonlocal.instantiation = "softmax";
    return o;
  }
  static ResidualStage::Options fast_options() {
    ResidualStage::Options o;
    o.block.in = 4;
    o.block.out = 8;
    o.block.inner = 4;
    o.temporal_kernels = {3, 3};
    return o;
  }

  Module s1{*this, "s1"};
  ResNetStem slow_stem{s1, "pathway0_stem", {.in = 3, .out = 8, .temporal_kernel = 1}};
  ResNetStem fast_stem{s1, "pathway1_stem", {.in = 3, .out = 4, .temporal_kernel = 5}};
  FuseFastToSlow fuse{
      *this, "s1_fuse", {.fast_channels = 4, .channel_ratio = 2, .kernel = 5, .alpha = 4}};
  Module s2{*this, "s2"};
  ResidualStage slow_stage{s2, 0, slow_options()};
  ResidualStage fast_stage{s2, 1, fast_options()};
  FuseFastToSlow fuse_end{
      *this, "s2_fuse", {.fast_channels = 8, .channel_ratio = 2, .kernel = 5, .alpha = 4}};
};

inline std::vector<float> values(const Tensor& t) {
  const Tensor f = t.to(DType::f32);
  return {f.span<float>().begin(), f.span<float>().end()};
}

}  // namespace sf
