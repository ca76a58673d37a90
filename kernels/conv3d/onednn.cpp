// y may be the residual, which the sum post-op reads from y; otherwise the residual is copied there
// first.
#include "kernels/base/copy_pixels.h"
#include "kernels/base/state_row.h"
#include "kernels/conv3d/onednn_sizes.h"

namespace sf {
namespace {

using PrimitiveDesc = dnnl::convolution_forward::primitive_desc;

PrimitiveDesc primitive_desc(const Conv3dProblem& p) {
  dnnl::post_ops ops;
  if (p.residual) ops.append_sum(1.0F);
  if (p.activation == Activation::relu)
    onednn::append_eltwise(ops, dnnl::algorithm::eltwise_relu, 0, 0);
  dnnl::primitive_attr attr;
  attr.set_post_ops(ops);
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return onednn::convolution(onednn::engine(), onednn::convolution_sizes(p), attr);
}

struct Convolution {
  explicit Convolution(const Conv3dProblem& p) : Convolution(p, primitive_desc(p)) {}
  Convolution(const Conv3dProblem& p, const PrimitiveDesc& pd)
      : problem(p), call(pd, dnnl::convolution_forward(pd), onednn::plain_weights(p, p.dtype)) {}

  size_t workspace_bytes() const { return call.workspace_bytes(); }
  size_t packed_bytes() const { return call.packed_bytes(); }
  void pack(const void* weights, void* packed) { call.pack(weights, packed); }
  void run(const Conv3dArgs& a, void* workspace) {
    const Conv3dProblem& p = problem;
    if (p.residual && a.residual != a.y)
      copy_pixels(p.dtype, p.out_pixels(), p.k, a.residual, p.residual_pitch, a.y, p.y_pitch);
    call.run(a.x, a.w, a.bias, a.y, workspace);
  }

  Conv3dProblem problem;
  onednn::PackedCall call;
};

bool can_run(const Conv3dProblem& p) {
  return onednn::has_type(p.dtype) && onednn::dense(p) && !p.sums &&
         !onednn::is_reference(onednn_conv3d_implementation(p));
}

}  // namespace

std::string onednn_conv3d_implementation(const Conv3dProblem& p) {
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd ? pd.impl_info_str() : "";
  } catch (const dnnl::error&) { return ""; }
}

extern constinit const Conv3dKernel kConv3dOneDnn =
    state_row<Convolution>(Conv3dKernel{.name = "onednn", .can_run = can_run});

}  // namespace sf
