#include "autograd/ops/cast.h"

#include "autograd/ops/lower.h"
#include "kernels/base/element.h"
#include "kernels/cast/cast.h"

namespace sf {

Value cast(Value x, DType to) {
  if (x.type().dtype == to) return x;
  return x.graph().apply1(std::make_shared<CastOp>(to), {x});
}

std::vector<TensorType> CastOp::infer(std::span<const TensorType> in) const {
  SF_CHECK(is_real(in[0].dtype) && is_real(to_), "cast: wants real types, found ", in[0].dtype,
           " to ", to_);
  return {{in[0].shape, to_}};
}

Lowered CastOp::lower(const OpSite& site) const {
  const auto &x = site.in[0], &y = site.out[0];
  const CastProblem p{.from = x.type.dtype,
                      .to = y.type.dtype,
                      .pixels = x.type.shape.pixels(),
                      .c = int(x.type.shape.channels()),
                      .x_pitch = x.pitch,
                      .y_pitch = y.pitch};
  const auto args = [](const Binding& b) {
    return CastArgs{.x = b.in[0].data, .y = b.out[0].data};
  };
  return lower_kernel(best_kernel(cast_kernels(site.backend), p, name()), p, site, args);
}

std::vector<Value> CastOp::grad(const GradSite& site) const {
  return {cast(site.out_grad[0], site.in[0].type().dtype)};
}

}  // namespace sf
