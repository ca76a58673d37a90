// alpha is a linear post-op, which both generations of oneDNN have.
#include "kernels/base/onednn.h"

#include "kernels/matmul/matmul.h"

namespace sf {
namespace {

using onednn::Dims;
using onednn::strided;
using PrimitiveDesc = dnnl::matmul::primitive_desc;

struct Prepared {
  size_t workspace_bytes;
  onednn::Call call;
};

PrimitiveDesc primitive_desc(const MatmulProblem& p) {
  dnnl::post_ops ops;
  if (p.alpha != 1) onednn::append_eltwise(ops, dnnl::algorithm::eltwise_linear, float(p.alpha), 0);
  dnnl::primitive_attr attr;
  attr.set_post_ops(ops);
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  // The stride of a batch of one counts for nothing but must not be 0.
  const auto batch_stride = [&](int64_t stride, int64_t dense) {
    return p.batch == 1 ? dense : stride;
  };
  const int64_t a = batch_stride(p.a_stride, (p.transpose_a ? p.k : p.m) * p.lda);
  const int64_t c = batch_stride(p.c_stride, p.m * p.ldc);
  const int64_t b = batch_stride(p.b_stride, (p.transpose_b ? p.n : p.k) * p.ldb);
  return onednn::matmul(
      onednn::engine(),
      strided({p.batch, p.m, p.k}, p.transpose_a ? Dims{a, 1, p.lda} : Dims{a, p.lda, 1}, p.dtype),
      strided({p.batch, p.k, p.n}, p.transpose_b ? Dims{b, 1, p.ldb} : Dims{b, p.ldb, 1}, p.dtype),
      strided({p.batch, p.m, p.n}, {c, p.ldc, 1}, p.dtype), attr);
}

bool can_run(const MatmulProblem& p) {
  const bool distinct = p.a_stride > 0 && p.b_stride > 0;
  if (!onednn::has_type(p.dtype) || (p.batch > 1 && !distinct)) return false;
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd && !onednn::is_reference(pd.impl_info_str());
  } catch (const dnnl::error&) { return false; }
}

std::shared_ptr<void> prepare(const MatmulProblem& p) {
  const PrimitiveDesc pd = primitive_desc(p);
  return std::make_shared<Prepared>(Prepared{pd.scratchpad_desc().get_size(),
                                             {dnnl::matmul(pd),
                                              {{DNNL_ARG_SRC, pd.src_desc()},
                                               {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                                               {DNNL_ARG_DST, pd.dst_desc()},
                                               {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}}});
}

size_t workspace_bytes(const MatmulProblem&, void* prepared) {
  return static_cast<Prepared*>(prepared)->workspace_bytes;
}

void run(const MatmulProblem&, const MatmulArgs& a, void* prepared, void* workspace, Queue) {
  onednn::Call& call = static_cast<Prepared*>(prepared)->call;
  call.bind(DNNL_ARG_SRC, a.a);
  call.bind(DNNL_ARG_WEIGHTS, a.b);
  call.bind(DNNL_ARG_DST, a.c);
  call.bind(DNNL_ARG_SCRATCHPAD, workspace);
  call.execute();
}

}  // namespace

extern constinit const MatmulKernel kMatmulOneDnn{.name = "onednn",
                                                  .can_run = can_run,
                                                  .prepare = prepare,
                                                  .workspace_bytes = workspace_bytes,
                                                  .run = run};

}  // namespace sf
