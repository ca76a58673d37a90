// The optimiser that a configuration asks for, with its state.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autograd/ops/optimizer_step.h"
#include "configs/config.h"
#include "models/model.h"

namespace sf {

// Parameters that learn alike, in the order of the model.
struct ParameterGroup {
  std::string name;  // "bn", "non_bn", "zero", with LAYER_DECAY also the layer: "bn.s2"
  double weight_decay = 0;
  double rate_scale = 1;  // of the learning rate
  std::vector<Parameter> parameters = {};
};

// Batch norms with BN.WEIGHT_DECAY, everything else with SOLVER.WEIGHT_DECAY, vectors and biases
// with none where SOLVER.ZERO_WD_1D_PARAM is set; in this order, empty groups left out. Parameters
// that do not learn are in none: those of SF.FREEZE, and all but the last layer with
// MODEL.DETACH_FINAL_FC. SOLVER.LAYER_DECAY multiplies the rate of stage s by decay^(6 - s), of the
// head by 1. Throws if an entry of SF.FREEZE matches nothing or nothing learns.
std::vector<ParameterGroup> parameter_groups(const Model& model, const Config& config);

class Optimizer {
 public:
  // SOLVER.OPTIMIZING_METHOD and its keys. The model must outlive the object.
  Optimizer(const Model& model, const Config& config);

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  // What learns, group after group.
  std::vector<Parameter> parameters() const;
  std::vector<std::vector<Parameter>> group_parameters() const;

  // Appends the nodes of a step: clipping by SOLVER.CLIP_GRAD_VAL or CLIP_GRAD_L2NORM, LARS, the
  // step itself. gradients: of parameters(), in that order, and all to be multiplied by
  // gradient_scale, one f64, where that is given. Returns the norm of all scaled gradients before
  // clipping, one f64.
  Value append(Graph& graph, const std::vector<Value>& gradients, Value gradient_scale = {}) const;

  // What the names of those nodes that change parameters begin with.
  static constexpr std::string_view kScope = "optimizer";

  // For the next step; rates of groups follow from it. Steps are counted from 1.
  void set_learning_rate(double rate);
  void set_step(int64_t step) { step_.copy_from(Tensor::from(std::vector{step}, {1})); }
  int64_t step() const { return step_.to(Device{}).span<int64_t>()[0]; }

  // "PARAMETER/momentum_buffer", "/exp_avg", "/exp_avg_sq": the memory itself, not a copy.
  const NamedTensors& state() const { return state_; }

 private:
  enum class Method { sgd, adam, adamw };
  std::vector<Value> memory(Graph& graph, const Parameter& parameter) const;
  void append_step(const std::vector<Learning>& parameters, const StepInputs& inputs,
                   double weight_decay) const;

  std::vector<ParameterGroup> groups_;
  Method method_ = Method::sgd;
  bool lars_ = false;
  double momentum_ = 0, dampening_ = 0, beta1_ = 0.9, beta2_ = 0.999;
  bool nesterov_ = false;
  double clip_value_ = 0, clip_norm_ = 0;  // 0: no limit
  std::vector<Tensor> rates_;              // by group, f64
  Tensor step_;                            // i64
  NamedTensors state_;
};

}  // namespace sf
