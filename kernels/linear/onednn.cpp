#include "kernels/base/onednn.h"

#include "kernels/linear/linear.h"

namespace sf {
namespace {

using onednn::Desc;
using PrimitiveDesc = dnnl::inner_product_forward::primitive_desc;

PrimitiveDesc primitive_desc(const LinearProblem& p) {
  dnnl::post_ops ops;
  if (p.activation == Activation::relu)
    onednn::append_eltwise(ops, dnnl::algorithm::eltwise_relu, 0, 0);
  dnnl::primitive_attr attr;
  attr.set_post_ops(ops);
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return onednn::inner_product(
      onednn::engine(), onednn::strided({p.rows, p.in}, {p.in, 1}, p.dtype),
      onednn::any({p.out, p.in}, p.dtype), p.bias ? onednn::strided({p.out}, {1}) : Desc(),
      onednn::strided({p.rows, p.out}, {p.out, 1}, p.dtype), attr);
}

onednn::PackedCall& call_of(void* prepared) { return *static_cast<onednn::PackedCall*>(prepared); }

bool can_run(const LinearProblem& p) {
  if (!onednn::has_type(p.dtype) || p.x_pitch != p.in || p.y_pitch != p.out) return false;
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd && !onednn::is_reference(pd.impl_info_str());
  } catch (const dnnl::error&) { return false; }
}

std::shared_ptr<void> prepare(const LinearProblem& p) {
  const PrimitiveDesc pd = primitive_desc(p);
  return std::make_shared<onednn::PackedCall>(pd, dnnl::inner_product_forward(pd),
                                              onednn::strided({p.out, p.in}, {p.in, 1}, p.dtype));
}

size_t workspace_bytes(const LinearProblem&, void* prepared) {
  return call_of(prepared).workspace_bytes();
}

size_t packed_bytes(const LinearProblem&, void* prepared) {
  return call_of(prepared).packed_bytes();
}

void pack(const LinearProblem&, const void* weights, void* packed, void* prepared) {
  call_of(prepared).pack(weights, packed);
}

void run(const LinearProblem&, const LinearArgs& a, void* prepared, void* workspace, Queue) {
  call_of(prepared).run(a.x, a.w, a.bias, a.y, workspace);
}

}  // namespace

extern constinit const LinearKernel kLinearOneDnn{.name = "onednn",
                                                  .can_run = can_run,
                                                  .prepare = prepare,
                                                  .workspace_bytes = workspace_bytes,
                                                  .packed_bytes = packed_bytes,
                                                  .pack = pack,
                                                  .run = run};

}  // namespace sf
