// The primitive writes dw in a layout of its own choice to the workspace, a reorder brings it to
// the plain one.
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/onednn_sizes.h"

namespace sf {
namespace {

using PrimitiveDesc = dnnl::convolution_backward_weights::primitive_desc;

struct Prepared {
  explicit Prepared(const Conv3dProblem& p, const PrimitiveDesc& pd)
      : scratch_bytes((pd.scratchpad_desc().get_size() + 63) / 64 * 64),
        blocked_bytes(pd.diff_weights_desc().get_size()),
        call(dnnl::convolution_backward_weights(pd),
             {{DNNL_ARG_SRC, pd.src_desc()},
              {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc()},
              {DNNL_ARG_DIFF_BIAS, pd.diff_bias_desc()},
              {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
              {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}),
        reorder(onednn::reorder(pd.diff_weights_desc(), onednn::plain_weights(p, DType::f32))) {}

  size_t scratch_bytes, blocked_bytes;
  onednn::Call call, reorder;
};

PrimitiveDesc primitive_desc(const Conv3dProblem& p) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return onednn::convolution_backward_weights(onednn::engine(), onednn::convolution_sizes(p), attr);
}

Prepared& prepared_of(void* prepared) { return *static_cast<Prepared*>(prepared); }

// oneDNN 3.7 gives wrong gradients from bf16 where the window is wider than the input.
bool wider_than_input(const Conv3dProblem& p) { return p.kt > p.t || p.kh > p.h || p.kw > p.w; }

bool can_run(const Conv3dProblem& p) {
  return onednn::has_type(p.dtype) && onednn::dense(p) &&
         (p.dtype == DType::f32 || !wider_than_input(p)) &&
         !onednn::is_reference(onednn_conv3d_backward_weight_implementation(p));
}

std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  return std::make_shared<Prepared>(p, primitive_desc(p));
}

size_t workspace_bytes(const Conv3dProblem&, void* prepared) {
  return prepared_of(prepared).scratch_bytes + prepared_of(prepared).blocked_bytes;
}

void run(const Conv3dProblem&, const Conv3dBackwardWeightArgs& a, void* prepared, void* workspace,
         Queue) {
  Prepared& state = prepared_of(prepared);
  void* blocked = static_cast<std::byte*>(workspace) + state.scratch_bytes;
  state.call.bind(DNNL_ARG_SRC, a.x);
  state.call.bind(DNNL_ARG_DIFF_WEIGHTS, blocked);
  state.call.bind(DNNL_ARG_DIFF_BIAS, a.dbias);
  state.call.bind(DNNL_ARG_DIFF_DST, a.dy);
  state.call.bind(DNNL_ARG_SCRATCHPAD, workspace);
  state.call.execute();
  state.reorder.bind(DNNL_ARG_FROM, blocked);
  state.reorder.bind(DNNL_ARG_TO, a.dw);
  state.reorder.execute();
}

}  // namespace

std::string onednn_conv3d_backward_weight_implementation(const Conv3dProblem& p) {
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd ? pd.impl_info_str() : "";
  } catch (const dnnl::error&) { return ""; }
}

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightOneDnn{
    .name = "onednn",
    .can_run = can_run,
    .prepare = prepare,
    .workspace_bytes = workspace_bytes,
    .run = run};

}  // namespace sf
