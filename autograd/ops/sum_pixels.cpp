#include "autograd/ops/sum_pixels.h"

#include "autograd/ops/lower.h"
#include "kernels/reduce/reduce.h"

namespace sf {
namespace {

class SumPixelsOp : public Op {
 public:
  explicit SumPixelsOp(Shape to) : to_(to) {}
  std::string_view name() const override { return "sum_pixels"; }
  bool takes_pitch(const OpSite&) const override { return true; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.channels() == to_.channels() && to_.pixels() > 0 && x.pixels() % to_.pixels() == 0,
             "sum_pixels: cannot sum ", x, " to ", to_);
    return {{to_, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    const auto &x = site.in[0], &y = site.out[0];
    const SumPixelsProblem p{.dtype = x.type.dtype,
                             .pixels = to_.pixels(),
                             .repeat = x.type.shape.pixels() / to_.pixels(),
                             .c = int(to_.channels()),
                             .x_pitch = x.pitch,
                             .y_pitch = y.pitch};
    const auto args = [](const Binding& b) {
      return SumPixelsArgs{.x = b.in[0].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(sum_pixels_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  Shape to_;
};

}  // namespace

Value sum_pixels(Value x, Shape to) {
  return x.graph().apply1(std::make_shared<SumPixelsOp>(to), {x});
}

}  // namespace sf
