#include "layers/conv.h"

#include "autograd/ops/batch_norm.h"
#include "autograd/ops/linear.h"

namespace sf {

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
  weight_ = parameter("weight", {channels}, gamma);
  bias_ = parameter("bias", {channels}, Init::zeros());
  running_mean_ = buffer("running_mean", {channels}, Init::zeros());
  running_var_ = buffer("running_var", {channels}, Init::ones());
}

Value BatchNorm::operator()(Value x) const {
  Graph::Scope scope(x.graph(), name());
  return batch_norm(x, {state(weight_, "weight", x), state(bias_, "bias", x),
                        state(running_mean_, "running_mean", x),
                        state(running_var_, "running_var", x), kEpsilon});
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
