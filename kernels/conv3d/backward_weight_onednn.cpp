// The primitive writes dw in a layout of its own choice to the workspace, a reorder brings it to
// the plain one.
#include "kernels/base/state_row.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/onednn_sizes.h"

namespace sf {
namespace {

using PrimitiveDesc = dnnl::convolution_backward_weights::primitive_desc;

PrimitiveDesc primitive_desc(const Conv3dProblem& p) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return onednn::convolution_backward_weights(onednn::engine(), onednn::convolution_sizes(p), attr);
}

class Gradient {
 public:
  explicit Gradient(const Conv3dProblem& p) : Gradient(p, primitive_desc(p)) {}
  Gradient(const Conv3dProblem& p, const PrimitiveDesc& pd)
      : scratch_bytes_((pd.scratchpad_desc().get_size() + 63) / 64 * 64),
        blocked_bytes_(pd.diff_weights_desc().get_size()),
        call_(dnnl::convolution_backward_weights(pd),
              {{DNNL_ARG_SRC, pd.src_desc()},
               {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc()},
               {DNNL_ARG_DIFF_BIAS, pd.diff_bias_desc()},
               {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
               {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}),
        reorder_(onednn::reorder(pd.diff_weights_desc(), onednn::plain_weights(p, DType::f32))) {}

  size_t workspace_bytes() const { return scratch_bytes_ + blocked_bytes_; }

  void run(const Conv3dBackwardWeightArgs& a, void* workspace) {
    void* blocked = static_cast<std::byte*>(workspace) + scratch_bytes_;
    call_.bind(DNNL_ARG_SRC, a.x);
    call_.bind(DNNL_ARG_DIFF_WEIGHTS, blocked);
    call_.bind(DNNL_ARG_DIFF_BIAS, a.dbias);
    call_.bind(DNNL_ARG_DIFF_DST, a.dy);
    call_.bind(DNNL_ARG_SCRATCHPAD, workspace);
    call_.execute();
    reorder_.bind(DNNL_ARG_FROM, blocked);
    reorder_.bind(DNNL_ARG_TO, a.dw);
    reorder_.execute();
  }

 private:
  size_t scratch_bytes_, blocked_bytes_;
  onednn::Call call_, reorder_;
};

// oneDNN 3.7 gives wrong gradients from bf16 where the window is wider than the input.
bool wider_than_input(const Conv3dProblem& p) { return p.kt > p.t || p.kh > p.h || p.kw > p.w; }

bool can_run(const Conv3dProblem& p) {
  return onednn::has_type(p.dtype) && onednn::dense(p) &&
         (p.dtype == DType::f32 || !wider_than_input(p)) &&
         !onednn::is_reference(onednn_conv3d_backward_weight_implementation(p));
}

}  // namespace

std::string onednn_conv3d_backward_weight_implementation(const Conv3dProblem& p) {
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd ? pd.impl_info_str() : "";
  } catch (const dnnl::error&) { return ""; }
}

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightOneDnn =
    state_row<Gradient>(Conv3dBackwardWeightKernel{.name = "onednn", .can_run = can_run});

}  // namespace sf
