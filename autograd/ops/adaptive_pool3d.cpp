#include "autograd/ops/adaptive_pool3d.h"

#include "autograd/ops/lower.h"
#include "kernels/adaptive_pool3d/adaptive_pool3d.h"
#include "kernels/adaptive_pool3d/backward.h"

namespace sf {
namespace {

AdaptivePool3dProblem pool_problem(const OpSite::Port& x, const OpSite::Port& y) {
  const Shape &in = x.type.shape, &out = y.type.shape;
  return {.dtype = x.type.dtype,
          .n = int(in[0]),
          .t = int(in[1]),
          .h = int(in[2]),
          .w = int(in[3]),
          .c = int(in[4]),
          .out_t = int(out[1]),
          .out_h = int(out[2]),
          .out_w = int(out[3]),
          .x_pitch = x.pitch,
          .y_pitch = y.pitch};
}

class AdaptivePool3dBackwardOp : public Op {  // input: dy
 public:
  explicit AdaptivePool3dBackwardOp(const TensorType& x) : x_(x) {}
  std::string_view name() const override { return "adaptive_avg_pool3d_backward"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {x_}; }
  bool takes_pitch(const OpSite&) const override { return true; }

  Lowered lower(const OpSite& site) const override {
    const auto p = pool_problem(site.out[0], site.in[0]);
    const auto args = [](const Binding& b) {
      return AdaptivePool3dBackwardArgs{.dy = b.in[0].data, .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(adaptive_pool3d_backward_kernels(site.backend), p, name()), p,
                        site, args);
  }

 private:
  TensorType x_;
};

class AdaptivePool3dOp : public Op {
 public:
  explicit AdaptivePool3dOp(std::array<int, 3> extents) : extents_(extents) {}
  std::string_view name() const override { return "adaptive_avg_pool3d"; }
  bool cheap() const override { return true; }
  Precision precision() const override { return Precision::given; }
  bool takes_pitch(const OpSite&) const override { return true; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.rank() == 5 && x[1] > 0 && x[2] > 0 && x[3] > 0, name(),
             ": wants x N T H W C with positions, found ", x);
    return {{{x[0], extents_[0], extents_[1], extents_[2], x[4]}, in[0].dtype}};
  }

  std::vector<Value> grad(const GradSite& site) const override {
    const Value dy = site.out_grad[0];
    return {dy.graph().apply1(std::make_shared<AdaptivePool3dBackwardOp>(site.in[0].type()), {dy})};
  }

  Lowered lower(const OpSite& site) const override {
    const auto p = pool_problem(site.in[0], site.out[0]);
    const auto args = [](const Binding& b) {
      return AdaptivePool3dArgs{.x = b.in[0].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(adaptive_pool3d_kernels(site.backend), p, name()), p, site,
                        args);
  }

 private:
  std::array<int, 3> extents_;
};

}  // namespace

Value adaptive_avg_pool3d(Value x, std::array<int, 3> extents) {
  return x.graph().apply1(std::make_shared<AdaptivePool3dOp>(extents), {x});
}

}  // namespace sf
