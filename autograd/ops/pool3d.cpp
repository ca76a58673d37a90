#include "autograd/ops/pool3d.h"

#include "autograd/ops/lower.h"
#include "kernels/pool3d/backward.h"
#include "kernels/pool3d/pool3d.h"

namespace sf {
namespace {

Pool3dProblem pool_problem(PoolKind kind, const PoolParams& params, const TensorType& type,
                           int64_t x_pitch, int64_t y_pitch) {
  const Shape& x = type.shape;
  Pool3dProblem p;
  p.dtype = type.dtype;
  p.kind = kind;
  p.n = int(x[0]), p.t = int(x[1]), p.h = int(x[2]), p.w = int(x[3]), p.c = int(x[4]);
  p.window = params.kernel;
  p.stride = params.stride;
  p.pad = params.pad;
  p.x_pitch = x_pitch;
  p.y_pitch = y_pitch;
  return p;
}

// Inputs: dy, and x for a maximum.
class Pool3dBackwardOp : public Op {
 public:
  Pool3dBackwardOp(PoolKind kind, const PoolParams& params, const TensorType& x)
      : kind_(kind), params_(params), x_(x) {}
  std::string_view name() const override { return "pool3d_backward"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {x_}; }
  bool takes_pitch(const OpSite&) const override { return true; }

  Lowered lower(const OpSite& site) const override {
    const bool max = kind_ == PoolKind::max;
    const Pool3dBackwardProblem p{
        .forward = pool_problem(kind_, params_, x_, max ? site.in[1].pitch : x_.shape.channels(),
                                site.in[0].pitch),
        .dx_pitch = site.out[0].pitch};
    const auto args = [max](const Binding& b) {
      return Pool3dBackwardArgs{
          .x = max ? b.in[1].data : nullptr, .dy = b.in[0].data, .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(pool3d_backward_kernels(site.backend), p, name()), p, site,
                        args);
  }

 private:
  PoolKind kind_;
  PoolParams params_;
  TensorType x_;
};

class Pool3dOp : public Op {
 public:
  Pool3dOp(PoolKind kind, const PoolParams& params) : kind_(kind), params_(params) {}
  std::string_view name() const override {
    return kind_ == PoolKind::max ? "max_pool3d" : "avg_pool3d";
  }
  bool cheap() const override { return true; }
  Precision precision() const override { return Precision::given; }
  bool takes_pitch(const OpSite&) const override { return true; }
  std::vector<int> inputs_by_frames(std::span<const TensorType> in) const override {
    const bool alone = params_.kernel[0] == params_.stride[0] && params_.pad[0] == 0 &&
                       in[0].shape[1] % params_.stride[0] == 0;
    return alone ? std::vector{0} : std::vector<int>{};
  }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.rank() == 5, name(), ": wants x N T H W C, found ", x);
    Shape y = x;
    for (int i = 0; i < 3; ++i) {
      const auto axis = size_t(i);
      const int kernel = params_.kernel[axis], pad = params_.pad[axis];
      SF_CHECK(2 * pad <= kernel, name(), ": wants a padding of at most half the window of ",
               kernel, ", found ", pad);
      const int64_t room = x[i + 1] + 2 * pad - kernel;
      SF_CHECK(room >= 0, name(), ": the window of ", kernel, " does not fit in ", x[i + 1],
               " + 2 * ", pad, " positions");
      y.set(i + 1, room / params_.stride[axis] + 1);
    }
    return {{y, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    const Pool3dProblem p =
        pool_problem(kind_, params_, site.in[0].type, site.in[0].pitch, site.out[0].pitch);
    const auto args = [](const Binding& b) {
      return Pool3dArgs{.x = b.in[0].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(pool3d_kernels(site.backend), p, name()), p, site, args);
  }

  std::vector<Value> grad(const GradSite& site) const override {
    const Value x = site.in[0];
    std::vector<Value> in{site.out_grad[0]};
    if (kind_ == PoolKind::max) in.push_back(x);
    return x.graph().apply(std::make_shared<Pool3dBackwardOp>(kind_, params_, x.type()), in);
  }

 private:
  PoolKind kind_;
  PoolParams params_;
};

}  // namespace

Value max_pool3d(Value x, const PoolParams& params) {
  return x.graph().apply1(std::make_shared<Pool3dOp>(PoolKind::max, params), {x});
}
Value avg_pool3d(Value x, const PoolParams& params) {
  return x.graph().apply1(std::make_shared<Pool3dOp>(PoolKind::average, params), {x});
}

}  // namespace sf
