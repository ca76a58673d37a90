#include "autograd/ops/matmul.h"

#include <utility>

#include "autograd/ops/measured_kernel.h"
#include "autograd/ops/reshape.h"
#include "kernels/matmul/matmul.h"

namespace sf {
namespace {

int64_t matrix_rows(const Shape& s) {
  return s.numel() / std::max<int64_t>(s[0] * s.channels(), 1);
}

// Rows and columns of op(A).
std::pair<int64_t, int64_t> extents(const Shape& s, bool transpose) {
  const int64_t rows = matrix_rows(s), columns = s.channels();
  return transpose ? std::pair{columns, rows} : std::pair{rows, columns};
}

// All that the time of a kernel depends on.
std::string measured_text(const MatmulProblem& p) {
  return cat(p.dtype, p.tf32 ? " tf32 " : " ", p.batch, " of ", p.m, "x", p.k,
             p.transpose_a ? "t" : "", " times ", p.k, "x", p.n, p.transpose_b ? "t" : "",
             " scale ", p.alpha, " pitches ", p.lda, " ", p.ldb, " ", p.ldc, " strides ",
             p.a_stride, " ", p.b_stride, " ", p.c_stride);
}

class MatmulOp : public Op {
 public:
  explicit MatmulOp(const MatmulParams& params) : params_(params) {}
  std::string_view name() const override { return "matmul"; }
  Precision precision() const override { return Precision::half; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape &a = in[0].shape, &b = in[1].shape;
    SF_CHECK(a.rank() >= 3 && b.rank() >= 3 && b[0] == (params_.shared_b ? 1 : a[0]) &&
                 in[0].dtype == in[1].dtype,
             "matmul: ", in[0], " against ", in[1]);
    const auto [m, k] = extents(a, params_.transpose_a);
    const auto [inner, n] = extents(b, params_.transpose_b);
    SF_CHECK(k == inner, "matmul: a has ", k, " columns but b ", inner, " to meet them");
    return {{{a[0], m, n}, in[0].dtype}};
  }

  bool takes_pitch(const OpSite& site) const override {
    return best_kernel(matmul_kernels(site.backend), problem_of_a_run(dense(site)), name())
        .can_run(problem_of_a_run(site));
  }

  Lowered lower(const OpSite& site) const override {
    const MatmulProblem p = problem_of_a_run(site);
    const int64_t parts = params_.shared_b ? site.in[0].type.shape[0] : 1;
    const auto args = [](const Binding& b) {
      return MatmulArgs{.a = b.in[0].data, .b = b.in[1].data, .c = b.out[0].data};
    };
    const auto& kernel = measured_kernel(
        matmul_kernels(site.backend), p, site, name(), measured_text(p), [&](const auto& take) {
          const size_t size = size_of(p.dtype), batch = size_t(p.batch);
          return MatmulArgs{.a = take(batch * size_t(p.a_stride) * size),
                            .b = take(batch * size_t(p.b_stride) * size),
                            .c = take(batch * size_t(p.c_stride) * size)};
        });
    Lowered lowered = lower_kernel(kernel, p, site, args);
    if (parts == 1) return lowered;
    const size_t size = size_of(p.dtype);
    return for_parts(std::move(lowered), parts, {size_t(p.a_stride) * size, 0},
                     {size_t(p.c_stride) * size});
  }

  // C = alpha A B: dA = alpha dC B^T, dB = alpha A^T dC, and so on where A or B is transposed.
  std::vector<Value> grad(const GradSite& site) const override {
    SF_CHECK(!params_.shared_b, "matmul: wanted a matrix for each one to differentiate");
    const Value &a = site.in[0], &b = site.in[1], &dc = site.out_grad[0];
    const bool ta = params_.transpose_a, tb = params_.transpose_b;
    const auto product = [&](Value x, Value y, bool tx, bool ty, Value like) {
      return reshape(matmul(x, y, {.transpose_a = tx, .transpose_b = ty, .alpha = params_.alpha}),
                     like.shape());
    };
    std::vector<Value> grads(2);
    if (site.needed[0]) grads[0] = ta ? product(b, dc, tb, true, a) : product(dc, b, false, !tb, a);
    if (site.needed[1]) grads[1] = tb ? product(dc, a, true, ta, b) : product(a, dc, !ta, false, b);
    return grads;
  }

  double flops(const OpSite& site) const override {
    const MatmulProblem p = problem(site);
    return 2.0 * double(p.batch) * double(p.m) * double(p.n) * double(p.k);
  }

 private:
  MatmulProblem problem_of_a_run(const OpSite& site) const {
    MatmulProblem p = problem(site);
    if (params_.shared_b) p.batch = 1;
    return p;
  }
  MatmulProblem problem(const OpSite& site) const {
    const auto &a = site.in[0], &b = site.in[1], &c = site.out[0];
    const int64_t a_rows = matrix_rows(a.type.shape), b_rows = matrix_rows(b.type.shape);
    const auto [m, k] = extents(a.type.shape, params_.transpose_a);
    return {.dtype = a.type.dtype,
            .batch = a.type.shape[0],
            .m = int(m),
            .n = int(c.type.shape.channels()),
            .k = int(k),
            .transpose_a = params_.transpose_a,
            .transpose_b = params_.transpose_b,
            .alpha = params_.alpha,
            .lda = a.pitch,
            .ldb = b.pitch,
            .ldc = c.pitch,
            .a_stride = a_rows * a.pitch,
            .b_stride = b_rows * b.pitch,
            .c_stride = m * c.pitch,
            .tf32 = site.kernels.tf32 && a.type.dtype == DType::f32};
  }

  MatmulParams params_;
};

}  // namespace

Value matmul(Value a, Value b, const MatmulParams& params) {
  return a.graph().apply1(std::make_shared<MatmulOp>(params), {a, b});
}

}  // namespace sf
