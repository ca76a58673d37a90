#include "autograd/ops/matmul.h"

#include "autograd/ops/lower.h"
#include "kernels/matmul/matmul.h"

namespace sf {
namespace {

int64_t matrix_rows(const Shape& s) {
  return s.numel() / std::max<int64_t>(s[0] * s.channels(), 1);
}

class MatmulOp : public Op {
 public:
  explicit MatmulOp(const MatmulParams& params) : params_(params) {}
  std::string_view name() const override { return "matmul"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape &a = in[0].shape, &b = in[1].shape;
    SF_CHECK(a.rank() >= 3 && b.rank() >= 3 && a[0] == b[0] && in[0].dtype == in[1].dtype,
             "matmul: ", in[0], " against ", in[1]);
    const int64_t inner = params_.transpose_b ? b.channels() : matrix_rows(b);
    SF_CHECK(a.channels() == inner, "matmul: a has ", a.channels(), " columns but b ", inner,
             " to meet them");
    return {
        {{a[0], matrix_rows(a), params_.transpose_b ? matrix_rows(b) : b.channels()}, in[0].dtype}};
  }

  bool takes_pitch(const OpSite& site) const override {
    return best_kernel(matmul_kernels(site.backend), problem(dense(site)), name())
        .can_run(problem(site));
  }

  Lowered lower(const OpSite& site) const override {
    const MatmulProblem p = problem(site);
    const auto args = [](const Binding& b) {
      return MatmulArgs{.a = b.in[0].data, .b = b.in[1].data, .c = b.out[0].data};
    };
    return lower_kernel(best_kernel(matmul_kernels(site.backend), p, name()), p, site, args);
  }

  double flops(const OpSite& site) const override {
    const MatmulProblem p = problem(site);
    return 2.0 * double(p.batch) * double(p.m) * double(p.n) * double(p.k);
  }

 private:
  MatmulProblem problem(const OpSite& site) const {
    const auto &a = site.in[0], &b = site.in[1], &c = site.out[0];
    const int64_t m = matrix_rows(a.type.shape), b_rows = matrix_rows(b.type.shape);
    return {.dtype = a.type.dtype,
            .batch = a.type.shape[0],
            .m = int(m),
            .n = int(c.type.shape.channels()),
            .k = int(a.type.shape.channels()),
            .transpose_b = params_.transpose_b,
            .alpha = params_.alpha,
            .lda = a.pitch,
            .ldb = b.pitch,
            .ldc = c.pitch,
            .a_stride = m * a.pitch,
            .b_stride = b_rows * b.pitch,
            .c_stride = m * c.pitch};
  }

  MatmulParams params_;
};

}  // namespace

Value matmul(Value a, Value b, const MatmulParams& params) {
  return a.graph().apply1(std::make_shared<MatmulOp>(params), {a, b});
}

}  // namespace sf
