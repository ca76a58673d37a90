// The weights change in every step of training: a plan packs them just before each run.
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/onednn_sizes.h"

namespace sf {
namespace {

using PrimitiveDesc = dnnl::convolution_backward_data::primitive_desc;

struct Prepared {
  explicit Prepared(const Conv3dProblem& p, const PrimitiveDesc& pd)
      : workspace_bytes(pd.scratchpad_desc().get_size()),
        packed_bytes(pd.weights_desc().get_size()),
        call(dnnl::convolution_backward_data(pd), {{DNNL_ARG_DIFF_SRC, pd.diff_src_desc()},
                                                   {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                                                   {DNNL_ARG_DIFF_DST, pd.diff_dst_desc()},
                                                   {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}),
        reorder(onednn::reorder(onednn::plain_weights(p, p.dtype), pd.weights_desc())) {}

  size_t workspace_bytes, packed_bytes;
  onednn::Call call, reorder;
};

PrimitiveDesc primitive_desc(const Conv3dProblem& problem) {
  Conv3dProblem p = problem;
  p.bias = false;
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return onednn::convolution_backward_data(onednn::engine(), onednn::convolution_sizes(p), attr);
}

Prepared& prepared_of(void* prepared) { return *static_cast<Prepared*>(prepared); }

bool can_run(const Conv3dProblem& p) {
  return onednn::has_type(p.dtype) && onednn::dense(p) &&
         !onednn::is_reference(onednn_conv3d_backward_data_implementation(p));
}

std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  return std::make_shared<Prepared>(p, primitive_desc(p));
}

size_t workspace_bytes(const Conv3dProblem&, void* prepared) {
  return prepared_of(prepared).workspace_bytes;
}

size_t packed_bytes(const Conv3dProblem&, void* prepared) {
  return prepared_of(prepared).packed_bytes;
}

void pack(const Conv3dProblem&, const void* weights, void* packed, void* prepared) {
  onednn::Call& reorder = prepared_of(prepared).reorder;
  reorder.bind(DNNL_ARG_FROM, weights);
  reorder.bind(DNNL_ARG_TO, packed);
  reorder.execute();
}

void run(const Conv3dProblem&, const Conv3dBackwardDataArgs& a, void* prepared, void* workspace,
         Queue) {
  onednn::Call& call = prepared_of(prepared).call;
  call.bind(DNNL_ARG_DIFF_SRC, a.dx);
  call.bind(DNNL_ARG_WEIGHTS, a.w);
  call.bind(DNNL_ARG_DIFF_DST, a.dy);
  call.bind(DNNL_ARG_SCRATCHPAD, workspace);
  call.execute();
}

}  // namespace

std::string onednn_conv3d_backward_data_implementation(const Conv3dProblem& p) {
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd ? pd.impl_info_str() : "";
  } catch (const dnnl::error&) { return ""; }
}

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataOneDnn{
    .name = "onednn",
    .can_run = can_run,
    .prepare = prepare,
    .workspace_bytes = workspace_bytes,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .run = run};

}  // namespace sf
