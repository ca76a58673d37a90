// y may be the residual, which the sum post-op reads from y; otherwise the residual is copied there
// first.
#include "kernels/base/onednn.h"

#include "kernels/concat/concat.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {
namespace {

using onednn::Desc;
using onednn::Dims;
using PrimitiveDesc = dnnl::convolution_forward::primitive_desc;

// Channels-last memory as oneDNN names the axes: N C T H W.
Desc activation_desc(int n, int c, int t, int h, int w) {
  return {Dims{n, c, t, h, w}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ndhwc};
}

Dims weight_dims(const Conv3dProblem& p) {
  if (p.groups == 1) return {p.k, p.c, p.kt, p.kh, p.kw};
  return {p.groups, p.k / p.groups, p.c / p.groups, p.kt, p.kh, p.kw};
}

// K T H W C/groups seen through the axes of weight_dims().
Desc plain_weights(const Conv3dProblem& p) {
  const int64_t c = p.c / p.groups, w = c * p.kw, h = w * p.kh, k = h * p.kt;
  if (p.groups == 1) return onednn::strided(weight_dims(p), {k, 1, h, w, c});
  return onednn::strided(weight_dims(p), {k * (p.k / p.groups), k, 1, h, w, c});
}

PrimitiveDesc primitive_desc(const Conv3dProblem& p) {
  dnnl::post_ops ops;
  if (p.residual) ops.append_sum(1.0F);
  if (p.activation == Activation::relu)
    onednn::append_eltwise(ops, dnnl::algorithm::eltwise_relu, 0, 0);
  dnnl::primitive_attr attr;
  attr.set_post_ops(ops);
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto triple = [](const std::array<int, 3>& v, int less) {
    return Dims{v[0] - less, v[1] - less, v[2] - less};
  };
  return onednn::convolution(
      onednn::engine(),
      {.x = activation_desc(p.n, p.c, p.t, p.h, p.w),
       .w = onednn::any(weight_dims(p)),
       .bias =
           p.bias ? Desc({p.k}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::x) : Desc(),
       .y = activation_desc(p.n, p.k, p.out_t(), p.out_h(), p.out_w()),
       .stride = triple(p.stride, 0),
       .dilation = triple(p.dilation, 1),
       .pad = triple(p.pad, 0)},
      attr);
}

onednn::PackedCall& call_of(void* prepared) { return *static_cast<onednn::PackedCall*>(prepared); }

bool can_run(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && p.x_pitch == p.c && p.y_pitch == p.k &&
         !onednn::is_reference(onednn_conv3d_implementation(p));
}

std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  const PrimitiveDesc pd = primitive_desc(p);
  return std::make_shared<onednn::PackedCall>(pd, dnnl::convolution_forward(pd), plain_weights(p));
}

size_t workspace_bytes(const Conv3dProblem&, void* prepared) {
  return call_of(prepared).workspace_bytes();
}

size_t packed_bytes(const Conv3dProblem&, void* prepared) {
  return call_of(prepared).packed_bytes();
}

void pack(const Conv3dProblem&, const void* weights, void* packed, void* prepared) {
  call_of(prepared).pack(weights, packed);
}

void run(const Conv3dProblem& p, const Conv3dArgs& a, void* prepared, void* workspace,
         Queue queue) {
  if (p.residual && a.residual != a.y) {
    const CopyProblem copy{.dtype = p.dtype,
                           .pixels = p.out_pixels(),
                           .c = p.k,
                           .x_pitch = p.residual_pitch,
                           .y_pitch = p.y_pitch};
    copy_kernels(queue.backend)[0].run(copy, {.x = a.residual, .y = a.y}, nullptr, nullptr, queue);
  }
  call_of(prepared).run(a.x, a.w, a.bias, a.y, workspace);
}

}  // namespace

std::string onednn_conv3d_implementation(const Conv3dProblem& p) {
  try {
    const PrimitiveDesc pd = primitive_desc(p);
    return pd ? pd.impl_info_str() : "";
  } catch (const dnnl::error&) { return ""; }
}

extern constinit const Conv3dKernel kConv3dOneDnn{.name = "onednn",
                                                  .can_run = can_run,
                                                  .prepare = prepare,
                                                  .workspace_bytes = workspace_bytes,
                                                  .packed_bytes = packed_bytes,
                                                  .pack = pack,
                                                  .run = run};

}  // namespace sf
