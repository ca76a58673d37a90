// The weights change in every step of training: a plan packs them just before each run.
#include "kernels/base/state_row.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/onednn_sizes.h"

namespace sf {
namespace {

using PrimitiveDesc = dnnl::convolution_backward_data::primitive_desc;

PrimitiveDesc primitive_desc(const Conv3dProblem& problem) {
  Conv3dProblem p = problem;
  p.bias = false;
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return onednn::convolution_backward_data(onednn::engine(), onednn::convolution_sizes(p), attr);
}

class Gradient {
 public:
  explicit Gradient(const Conv3dProblem& p) : Gradient(p, primitive_desc(p)) {}
  Gradient(const Conv3dProblem& p, const PrimitiveDesc& pd)
      : workspace_bytes_(pd.scratchpad_desc().get_size()),
        packed_bytes_(pd.weights_desc().get_size()),
        call_(dnnl::convolution_backward_data(pd), {{DNNL_ARG_DIFF_SRC, pd.diff_src_desc()},
                                                    {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                                                    {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
                                                    {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}),
        reorder_(onednn::reorder(onednn::plain_weights(p, p.dtype), pd.weights_desc())) {}

  size_t workspace_bytes() const { return workspace_bytes_; }
  size_t packed_bytes() const { return packed_bytes_; }

  void pack(const void* weights, void* packed) {
    reorder_.bind(DNNL_ARG_FROM, weights);
    reorder_.bind(DNNL_ARG_TO, packed);
    reorder_.execute();
  }

  void run(const Conv3dBackwardDataArgs& a, void* workspace) {
    call_.bind(DNNL_ARG_DIFF_SRC, a.dx);
    call_.bind(DNNL_ARG_WEIGHTS, a.w);
    call_.bind(DNNL_ARG_DIFF_DST, a.dy);
    call_.bind(DNNL_ARG_SCRATCHPAD, workspace);
    call_.execute();
  }

 private:
  size_t workspace_bytes_, packed_bytes_;
  onednn::Call call_, reorder_;
};

bool can_run(const Conv3dProblem& p) {
  return onednn::has_type(p.dtype) && onednn::dense(p) &&
         !onednn::is_reference(onednn_conv3d_backward_data_implementation(p));
}

}  // namespace

std::string onednn_conv3d_backward_data_implementation(const Conv3dProblem& p) {
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd ? pd.impl_info_str() : "";
  } catch (const dnnl::error&) { return ""; }
}

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataOneDnn =
    state_row<Gradient>(Conv3dBackwardDataKernel{.name = "onednn", .can_run = can_run});

}  // namespace sf
