#include "layers/conv.h"

#include <array>

#include "autograd/ops/batch_norm_training.h"
#include "autograd/ops/linear.h"

namespace sf {
namespace {

constexpr std::string_view kSplitMean = "split_bn.running_mean";
constexpr std::string_view kSplitVar = "split_bn.running_var";

// Calls visit(splits, mean, variance, split means, split variances) for every batch norm with
// splits.
template <class T, class Visit>
void visit_splits(const Module& root, const Visit& visit) {
  const auto& all = root.parameters();
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].name.ends_with(kSplitMean)) continue;
    // In the order in which a batch norm makes them; copies, should they be on a device.
    std::array<Tensor, 4> on_host;
    for (size_t k = 0; k < 4; ++k) on_host[k] = all[i - 2 + k].tensor.to(Device{});
    const auto at = [&](size_t k) { return on_host[k].template span<T>(); };
    visit(root.batch_norm_splits(), at(0), at(1), at(2), at(3));
    for (size_t k = 0; k < 4; ++k) all[i - 2 + k].tensor.copy_from(on_host[k]);
  }
}

template <class T>
void aggregate(const Module& root) {
  visit_splits<T>(root, [](int splits, auto mean, auto var, auto split_mean, auto split_var) {
    const size_t c = mean.size(), s = size_t(splits);
    for (size_t i = 0; i < c; ++i) {
      double m = 0, v = 0, between = 0;
      for (size_t k = 0; k < s; ++k) {
        m += double(split_mean[k * c + i]) / splits;
        v += double(split_var[k * c + i]) / splits;
      }
      for (size_t k = 0; k < s; ++k) {
        const double d = double(split_mean[k * c + i]) - m;
        between += d * d / splits;
      }
      mean[i] = T(m);
      var[i] = T(v + between);
    }
  });
}

template <class T>
void spread(const Module& root) {
  visit_splits<T>(root, [](int, auto mean, auto var, auto split_mean, auto split_var) {
    for (size_t i = 0; i < split_mean.size(); ++i) {
      split_mean[i] = mean[i % mean.size()];
      split_var[i] = var[i % mean.size()];
    }
  });
}

}  // namespace

void aggregate_batch_norm_splits(const Module& root) {
  root.dtype() == DType::f64 ? aggregate<double>(root) : aggregate<float>(root);
}

bool is_batch_norm_split(std::string_view name) {
  return name.ends_with(kSplitMean) || name.ends_with(kSplitVar);
}

void spread_batch_norm_splits(const Module& root) {
  root.dtype() == DType::f64 ? spread<double>(root) : spread<float>(root);
}

Conv3d::Conv3d(Module& parent, std::string_view name, const Options& o)
    : Module(parent, name), params_(o.params) {
  const auto& [t, h, w] = o.kernel;
  weight_ = parameter("weight", {o.out, t, h, w, o.in / o.params.groups}, o.init);
  if (o.bias) bias_ = parameter("bias", {o.out}, Init::zeros());
}

Value Conv3d::operator()(Value x) const {
  Graph::Scope scope(x.graph(), name());
  return conv3d(x, state(weight_, "weight", x), params_, bias_ ? state(bias_, "bias", x) : Value{});
}

BatchNorm::BatchNorm(Module& parent, std::string_view name, int channels, Init gamma)
    : Module(parent, name) {
  weight_ = norm_parameter("weight", {channels}, gamma);
  bias_ = norm_parameter("bias", {channels}, Init::zeros());
  running_mean_ = buffer("running_mean", {channels}, Init::zeros());
  running_var_ = buffer("running_var", {channels}, Init::ones());
  if (const int splits = batch_norm_splits(); splits > 1) {
    split_mean_ = buffer(kSplitMean, {splits * channels}, Init::zeros());
    split_var_ = buffer(kSplitVar, {splits * channels}, Init::ones());
  }
}

Value BatchNorm::operator()(Value x) const {
  Graph::Scope scope(x.graph(), name());
  const Value gamma = state(weight_, "weight", x), beta = state(bias_, "bias", x);
  BatchNormStatistics statistics{gamma, beta, state(running_mean_, "running_mean", x),
                                 state(running_var_, "running_var", x), kEpsilon};
  const TrainingRules* training = x.graph().training();
  if (!training) return batch_norm(x, statistics);
  if (training->frozen_batch_norm) return batch_norm_training(x, statistics, {.frozen = true});
  if (split_mean_) {
    statistics.mean = state(split_mean_, kSplitMean, x);
    statistics.variance = state(split_var_, kSplitVar, x);
  }
  return batch_norm_training(x, statistics,
                             {.momentum = training->batch_norm_momentum,
                              .bessel = training->batch_norm_bessel,
                              .splits = batch_norm_splits(),
                              .group = training->batch_norm_group});
}

Linear::Linear(Module& parent, std::string_view name, int in, int out, Init weight)
    : Module(parent, name) {
  weight_ = parameter("weight", {out, in}, weight);
  bias_ = parameter("bias", {out}, Init::zeros());
}

Value Linear::operator()(Value x) const {
  Graph::Scope scope(x.graph(), name());
  return linear(x, state(weight_, "weight", x), state(bias_, "bias", x));
}

}  // namespace sf
