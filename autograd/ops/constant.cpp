#include "autograd/ops/constant.h"

#include <algorithm>

#include "kernels/base/cuda/runtime.h"
#include "kernels/base/element.h"

namespace sf {
namespace {

// It has no inputs, so a plan computes it once.
class ConstantOp : public Op {
 public:
  ConstantOp(const TensorType& type, double value) : type_(type), value_(value) {}
  std::string_view name() const override { return "constant"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {type_}; }
  std::vector<Value> grad(const GradSite&) const override { return {}; }

  Lowered lower(const OpSite& site) const override {
    Lowered lowered;
    lowered.kernel = "fill";
    if (site.backend == Backend::cuda) {
      lowered.run = [filled = filled()](const Binding& b, Queue) {
        cuda::copy(b.out[0].data, filled.data(), size_t(filled.type().bytes()));
      };
    } else {
      lowered.run = [type = type_, value = value_](const Binding& b, Queue) {
        fill(b.out[0].data, type, value);
      };
    }
    return lowered;
  }

 private:
  static void fill(std::byte* data, const TensorType& type, double value) {
    with_real(type.dtype, [&](auto t) {
      using T = decltype(t);
      std::fill_n(reinterpret_cast<T*>(data), type.shape.numel(), T(Arithmetic<T>(value)));
    });
  }
  Tensor filled() const {
    Tensor tensor(type_);
    fill(tensor.data(), type_, value_);
    return tensor;
  }

  TensorType type_;
  double value_;
};

}  // namespace

Value constant(Graph& graph, const TensorType& type, double value) {
  SF_CHECK(is_real(type.dtype), "constant: wants a real type, found ", type.dtype);
  return graph.apply(std::make_shared<ConstantOp>(type, value), {})[0];
}

}  // namespace sf
