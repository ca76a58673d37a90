// Functions of one or two tensors, element by element.
#pragma once

#include "autograd/graph.h"
#include "kernels/pointwise/pointwise.h"

namespace sf {

Value relu(Value x);
Value sigmoid(Value x);
Value swish(Value x);  // x sigmoid(x)
// a and b alike.
Value add(Value a, Value b);
// b like a, or N 1 1 1 C: one factor for each sample and channel.
Value multiply(Value a, Value b);

class UnaryOp : public Op {
 public:
  explicit UnaryOp(UnaryKind kind) : kind(kind) {}
  const UnaryKind kind;

  std::string_view name() const override;
  bool cheap() const override { return true; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  Lowered lower(const OpSite& site) const override;
  std::vector<Value> grad(const GradSite& site) const override;
  bool takes_pitch(const OpSite&) const override { return true; }
  Precision precision() const override { return Precision::given; }
  std::optional<int> reuses_input() const override { return 0; }
};

class BinaryOp : public Op {
 public:
  explicit BinaryOp(BinaryKind kind) : kind(kind) {}
  const BinaryKind kind;

  std::string_view name() const override;
  bool cheap() const override { return true; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Lowered lower(const OpSite& site) const override;
  std::vector<Value> grad(const GradSite& site) const override;
  bool takes_pitch(const OpSite&) const override { return true; }
  Precision precision() const override { return Precision::given; }
  std::optional<int> reuses_input() const override { return 0; }
};

}  // namespace sf
