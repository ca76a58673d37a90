#include "layers/module.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/counter_rng.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

template <class T>
void fill(const Parameter& p, uint64_t seed) {
  const Shape& shape = p.tensor.shape();
  const auto values = p.tensor.span<T>();
  if (p.init.kind == Init::Kind::constant) {
    std::ranges::fill(values, T(p.init.value));
    return;
  }
  double deviation = p.init.value;
  if (p.init.kind == Init::Kind::msra_fan_out)
    deviation = std::sqrt(2.0 / double(shape[0] * shape[1] * shape[2] * shape[3]));
  const CounterRng rng(fnv1a64(p.name) ^ CounterRng(seed).bits(0));
  parallel_for(p.tensor.numel(), 4096,
               [&](int64_t i) { values[size_t(i)] = T(deviation * rng.normal(uint64_t(i))); });
}

}  // namespace

Module::Module(Module& parent, std::string_view name)
    : root_(parent.root_), path_(parent.path(name)), name_(name) {}

std::string Module::path(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

Tensor Module::parameter(std::string_view name, Shape shape, Init init) {
  root_->parameters_.push_back({path(name), Tensor::zeros({shape, dtype()}), init, true});
  return root_->parameters_.back().tensor;
}

Tensor Module::buffer(std::string_view name, Shape shape, Init init) {
  Tensor tensor = parameter(name, shape, init);
  root_->parameters_.back().trainable = false;
  return tensor;
}

Tensor Module::norm_parameter(std::string_view name, Shape shape, Init init) {
  Tensor tensor = parameter(name, shape, init);
  root_->parameters_.back().norm = true;
  return tensor;
}

Value Module::state(const Tensor& tensor, std::string_view name, Value x) const {
  return x.graph().state(tensor, path(name), false);
}

void Module::initialise(uint64_t seed) const {
  for (const Parameter& p : parameters()) {
    if (p.tensor.dtype() == DType::f64)
      fill<double>(p, seed);
    else
      fill<float>(p, seed);
  }
}

}  // namespace sf
