#include "apps/engine/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "autograd/ops/gradient_norm.h"

namespace sf {
namespace {

constexpr int kLastStage = 5;

// 1 for s1 to 5 for s5, lateral connections with the stage before them; the head is 6.
int layer_of(const std::string& name) {
  const bool stage = name.size() > 2 && name[0] == 's' && name[1] >= '1' && name[1] <= '5';
  return stage ? name[1] - '0' : kLastStage + 1;
}

bool is_frozen(const Parameter& p, const Config& config, const std::vector<std::string>& freeze) {
  if (config.get<bool>("MODEL.DETACH_FINAL_FC") && !p.name.starts_with("head.projection."))
    return true;
  return std::ranges::any_of(freeze, [&](const auto& start) { return p.name.starts_with(start); });
}

double limit(const Config& config, const char* key) {
  if (config.is_none(key)) return 0;
  const double value = config.get<double>(key);
  SF_CHECK(value > 0, key, ": wanted a limit above 0 or None, found ", value);
  return value;
}

GradientNorm norm_of(Graph& graph, const std::vector<Value>& gradients, double limit, Value scale) {
  Graph::Scope scope(graph, "gradient_norm");
  return gradient_norm(gradients, limit, scale);
}

}  // namespace

std::vector<ParameterGroup> parameter_groups(const Model& model, const Config& config) {
  const auto freeze = config.get<std::vector<std::string>>("SF.FREEZE");
  for (const std::string& start : freeze)
    SF_CHECK(std::ranges::any_of(model.parameters(),
                                 [&](const auto& p) { return p.name.starts_with(start); }),
             "SF.FREEZE: wanted the beginning of a parameter's name, found '", start, "'");
  const double layer_decay = config.get<double>("SOLVER.LAYER_DECAY");
  const bool zero_vectors = config.get<bool>("SOLVER.ZERO_WD_1D_PARAM");

  struct Kind {
    const char* name;
    double weight_decay;
  };
  const Kind kinds[] = {{"bn", config.get<double>("BN.WEIGHT_DECAY")},
                        {"non_bn", config.get<double>("SOLVER.WEIGHT_DECAY")},
                        {"zero", 0}};
  std::vector<ParameterGroup> groups;
  for (const Kind& kind : kinds) {
    std::map<int, ParameterGroup> layers;
    for (const Parameter& p : model.parameters()) {
      if (!p.trainable || is_frozen(p, config, freeze)) continue;
      const bool vector = p.tensor.shape().rank() == 1;
      const auto* name = p.norm ? "bn" : zero_vectors && vector ? "zero" : "non_bn";
      if (name != std::string_view(kind.name)) continue;
      const int layer = layer_decay == 1 ? kLastStage + 1 : layer_of(p.name);
      ParameterGroup& group = layers[layer];
      group.name = layer_decay == 1 ? kind.name : cat(kind.name, ".", layer);
      group.weight_decay = kind.weight_decay;
      group.rate_scale = std::pow(layer_decay, kLastStage + 1 - layer);
      group.parameters.push_back(p);
    }
    for (auto& [layer, group] : layers) groups.push_back(std::move(group));
  }
  SF_CHECK(!groups.empty(), "SF.FREEZE: wanted parameters that learn, found none");
  return groups;
}

Optimizer::Optimizer(const Model& model, const Config& config)
    : groups_(parameter_groups(model, config)),
      clip_value_(limit(config, "SOLVER.CLIP_GRAD_VAL")),
      clip_norm_(limit(config, "SOLVER.CLIP_GRAD_L2NORM")),
      step_(Tensor::zeros({{1}, DType::i64})) {
  const auto method = config.get<std::string>("SOLVER.OPTIMIZING_METHOD");
  lars_ = config.get<bool>("SOLVER.LARS_ON") || method == "lars";
  std::vector<const char*> kinds;
  if (method == "sgd" || method == "lars") {
    momentum_ = config.get<double>("SOLVER.MOMENTUM");
    dampening_ = config.get<double>("SOLVER.DAMPENING");
    nesterov_ = config.get<bool>("SOLVER.NESTEROV");
    SF_CHECK(!nesterov_ || (momentum_ > 0 && dampening_ == 0),
             "SOLVER.NESTEROV: wanted a MOMENTUM above 0 and a DAMPENING of 0, found ", momentum_,
             " and ", dampening_);
    if (momentum_ != 0) kinds = {"momentum_buffer"};
  } else {
    SF_CHECK(method == "adam" || method == "adamw" || method == "mt_adamw",
             "SOLVER.OPTIMIZING_METHOD: wanted sgd, adam, adamw, mt_adamw or lars, found '", method,
             "'");
    method_ = method == "adam" ? Method::adam : Method::adamw;
    const auto betas = config.get<std::vector<double>>("SOLVER.BETAS");
    SF_CHECK(betas.size() == 2 && betas[0] >= 0 && betas[0] < 1 && betas[1] >= 0 && betas[1] < 1,
             "SOLVER.BETAS: wanted two values from 0 to below 1");
    beta1_ = betas[0];
    beta2_ = betas[1];
    kinds = {"exp_avg", "exp_avg_sq"};
  }
  for (const ParameterGroup& group : groups_) {
    rates_.push_back(Tensor::zeros({{1}, DType::f64}));
    for (const Parameter& p : group.parameters)
      for (const char* kind : kinds)
        state_.emplace_back(cat(p.name, "/", kind), Tensor::zeros(p.tensor.type()));
  }
}

std::vector<Parameter> Optimizer::parameters() const {
  std::vector<Parameter> all;
  for (const ParameterGroup& group : groups_)
    all.insert(all.end(), group.parameters.begin(), group.parameters.end());
  return all;
}

std::vector<std::vector<Parameter>> Optimizer::group_parameters() const {
  std::vector<std::vector<Parameter>> all;
  for (const ParameterGroup& group : groups_) all.push_back(group.parameters);
  return all;
}

void Optimizer::set_learning_rate(double rate) {
  for (size_t g = 0; g < groups_.size(); ++g)
    rates_[g].copy_from(Tensor::from(std::vector{rate * groups_[g].rate_scale}, {1}));
}

std::vector<Value> Optimizer::memory(Graph& graph, const Parameter& parameter) const {
  std::vector<Value> found;
  for (const auto& [name, tensor] : state_)
    if (name.starts_with(parameter.name + "/")) found.push_back(graph.state(tensor, name, true));
  return found;
}

void Optimizer::append_step(const std::vector<Learning>& parameters, const StepInputs& inputs,
                            double weight_decay) const {
  if (method_ == Method::sgd)
    sgd_step(parameters, inputs,
             {.momentum = momentum_,
              .dampening = dampening_,
              .weight_decay = weight_decay,
              .nesterov = nesterov_});
  else
    adam_step(parameters, inputs,
              {.beta1 = beta1_,
               .beta2 = beta2_,
               .weight_decay = weight_decay,
               .decoupled = method_ == Method::adamw});
}

Value Optimizer::append(Graph& graph, const std::vector<Value>& gradients,
                        Value gradient_scale) const {
  const double norm_limit = clip_value_ > 0 ? 0 : clip_norm_;
  const GradientNorm norm = norm_of(graph, gradients, norm_limit, gradient_scale);
  Graph::Scope scope(graph, kScope);
  size_t i = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const ParameterGroup& group = groups_[g];
    const StepInputs inputs{.learning_rate = graph.state(rates_[g], cat("rate.", group.name), true),
                            .step = graph.state(step_, "optimizer.step", true),
                            .factor = norm_limit > 0 || gradient_scale ? norm.factor : Value{}};
    std::vector<Learning> plain, by_lars;
    for (const Parameter& p : group.parameters) {
      Graph::Scope name(graph, p.name);
      Learning l{graph.state(p.tensor, p.name, true), gradients[i++], memory(graph, p)};
      const bool lars = lars_ && p.tensor.shape().rank() != 1;
      // What changes with the size of the gradient wants it whole.
      if (inputs.factor && (lars || clip_value_ > 0)) l.gradient = scale(l.gradient, inputs.factor);
      if (clip_value_ > 0) l.gradient = clamp(l.gradient, clip_value_);
      if (lars)
        l.gradient = lars_gradient(l.parameter, l.gradient, {.weight_decay = group.weight_decay});
      (lars ? by_lars : plain).push_back(std::move(l));
    }
    Graph::Scope name(graph, group.name);
    StepInputs whole = inputs;
    whole.factor = {};
    append_step(plain, clip_value_ > 0 ? whole : inputs, group.weight_decay);
    append_step(by_lars, whole, 0);
  }
  return norm.norm;
}

}  // namespace sf
