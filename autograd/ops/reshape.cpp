#include "autograd/ops/reshape.h"

#include <cstring>

namespace sf {
namespace {

class ReshapeOp : public Op {
 public:
  explicit ReshapeOp(Shape shape) : shape_(shape) {}
  std::string_view name() const override { return "reshape"; }
  bool cheap() const override { return true; }
  Precision precision() const override { return Precision::given; }
  std::optional<int> reuses_input() const override { return 0; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(in[0].shape.numel() == shape_.numel(), "reshape: cannot turn ", in[0].shape, " into ",
             shape_);
    return {{shape_, in[0].dtype}};
  }

  std::vector<Value> grad(const GradSite& site) const override {
    return {reshape(site.out_grad[0], site.in[0].shape())};
  }

  Lowered lower(const OpSite& site) const override {
    Lowered lowered;
    lowered.kernel = "in_place_or_copy";
    lowered.run = [bytes = size_t(site.out[0].type.bytes())](const Binding& b, Queue) {
      if (b.in[0].data != b.out[0].data) std::memcpy(b.out[0].data, b.in[0].data, bytes);
    };
    return lowered;
  }

 private:
  Shape shape_;
};

}  // namespace

Value reshape(Value x, Shape shape) {
  return x.graph().apply1(std::make_shared<ReshapeOp>(shape), {x});
}

}  // namespace sf
