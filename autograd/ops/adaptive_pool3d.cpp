#include "autograd/ops/adaptive_pool3d.h"

#include "autograd/ops/lower.h"
#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

namespace sf {
namespace {

class AdaptivePool3dOp : public Op {
 public:
  explicit AdaptivePool3dOp(std::array<int, 3> extents) : extents_(extents) {}
  std::string_view name() const override { return "adaptive_avg_pool3d"; }
  bool takes_pitch(const OpSite&) const override { return true; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.rank() == 5 && x[1] > 0 && x[2] > 0 && x[3] > 0, name(),
             ": wants x N T H W C with positions, found ", x);
    return {{{x[0], extents_[0], extents_[1], extents_[2], x[4]}, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    const Shape& x = site.in[0].type.shape;
    const AdaptivePool3dProblem p{.dtype = site.in[0].type.dtype,
                                  .n = int(x[0]),
                                  .t = int(x[1]),
                                  .h = int(x[2]),
                                  .w = int(x[3]),
                                  .c = int(x[4]),
                                  .out_t = extents_[0],
                                  .out_h = extents_[1],
                                  .out_w = extents_[2],
                                  .x_pitch = site.in[0].pitch,
                                  .y_pitch = site.out[0].pitch};
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
