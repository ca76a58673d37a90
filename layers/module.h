// Parameters and buffers, named by their place in a tree of modules as the published checkpoints
// name them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/graph.h"

namespace sf {

// How a parameter starts when no weights are loaded.
struct Init {
  enum class Kind { constant, normal, msra_fan_out };
  Kind kind = Kind::constant;
  double value = 0;  // the constant, or the standard deviation of the normal distribution

  static Init zeros() { return {}; }
  static Init ones() { return {Kind::constant, 1}; }
  static Init normal(double deviation) { return {Kind::normal, deviation}; }
  // Normal with deviation sqrt(2 / (outputs * kernel volume)), not divided by groups (He et al.
  // 2015, fan-out form).
  static Init msra() { return {Kind::msra_fan_out, 0}; }
};

struct Parameter {
  std::string name;  // "s2.pathway0_res0.branch2.a.weight"
  Tensor tensor;     // convolution weights are O T H W I
  Init init;
  bool trainable = true;  // false: a buffer
  bool norm = false;      // a scale or shift of a batch norm
};

// A node of the tree. Modules are neither copied nor moved, since children refer to their root.
class Module {
 public:
  // The root; floating point tensors of the tree get this type.
  // batch_norm_splits: into how many parts each batch norm divides a batch in training.
  explicit Module(DType dtype = DType::f32, int batch_norm_splits = 1)
      : root_(this), dtype_(dtype), batch_norm_splits_(batch_norm_splits) {}
  Module(Module& parent, std::string_view name);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  // Of the whole tree, in the order of construction.
  const std::vector<Parameter>& parameters() const { return root_->parameters_; }
  DType dtype() const { return root_->dtype_; }
  int batch_norm_splits() const { return root_->batch_norm_splits_; }

  // Fills every parameter by its rule from a counter-based generator keyed by seed and name: a
  // parameter's values do not depend on the rest of the network.
  void initialise(uint64_t seed) const;

 protected:
  Tensor parameter(std::string_view name, Shape shape, Init init);
  Tensor buffer(std::string_view name, Shape shape, Init init);
  // A parameter of a batch norm.
  Tensor norm_parameter(std::string_view name, Shape shape, Init init);
  // The tensor as a value of x's graph.
  Value state(const Tensor& tensor, std::string_view name, Value x) const;
  // The name relative to the root.
  std::string path(std::string_view name) const;
  std::string_view name() const { return name_; }

 private:
  Module* root_;
  std::string path_, name_;
  DType dtype_ = DType::f32;
  int batch_norm_splits_ = 1;
  std::vector<Parameter> parameters_;  // of the root only
};

}  // namespace sf
