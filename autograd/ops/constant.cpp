#include "autograd/ops/constant.h"

#include <algorithm>

namespace sf {
namespace {

// It has no inputs, so a plan computes it once.
class ConstantOp : public Op {
 public:
  ConstantOp(const TensorType& type, double value) : type_(type), value_(value) {}
  std::string_view name() const override { return "constant"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {type_}; }
  std::vector<Value> grad(const GradSite&) const override { return {}; }

  Lowered lower(const OpSite&) const override {
    Lowered lowered;
    lowered.kernel = "fill";
    lowered.run = [type = type_, value = value_](const Binding& b, Queue) {
      if (type.dtype == DType::f64)
        std::fill_n(reinterpret_cast<double*>(b.out[0].data), type.shape.numel(), value);
      else
        std::fill_n(reinterpret_cast<float*>(b.out[0].data), type.shape.numel(), float(value));
    };
    return lowered;
  }

 private:
  TensorType type_;
  double value_;
};

}  // namespace

Value constant(Graph& graph, const TensorType& type, double value) {
  SF_CHECK(type.dtype == DType::f32 || type.dtype == DType::f64,
           "constant: wants f32 or f64, found ", type.dtype);
  return graph.apply(std::make_shared<ConstantOp>(type, value), {})[0];
}

}  // namespace sf
