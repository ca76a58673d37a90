// What oneDNN 2 (Debian 12) and oneDNN 3 (Debian 13) spell differently, in one place. An
// implementation that does not exist is an empty descriptor.
#pragma once

#include <dnnl.hpp>

namespace sf::onednn {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;

struct ConvolutionSizes {
  Desc x, w, bias, y;          // a bias of no dimensions: none
  Desc dw;                     // the gradient of w, for the gradient by weight alone
  Dims stride, dilation, pad;  // dilation as oneDNN counts it, 0 for dense windows
};

#if DNNL_VERSION_MAJOR < 3

inline void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm f, float alpha, float beta) {
  ops.append_eltwise(1.0F, f, alpha, beta);
}

inline dnnl::convolution_forward::primitive_desc convolution(
    const dnnl::engine& engine, const ConvolutionSizes& s, const dnnl::primitive_attr& attr,
    dnnl::prop_kind kind = dnnl::prop_kind::forward_inference) {
  const dnnl::convolution_forward::desc desc(kind, dnnl::algorithm::convolution_direct, s.x, s.w,
                                             s.bias, s.y, s.stride, s.dilation, s.pad, s.pad);
  return {desc, attr, engine, true};
}

inline dnnl::convolution_backward_data::primitive_desc convolution_backward_data(
    const dnnl::engine& engine, const ConvolutionSizes& s, const dnnl::primitive_attr& attr) {
  const auto forward = convolution(engine, s, attr, dnnl::prop_kind::forward_training);
  if (!forward) return {};
  const dnnl::convolution_backward_data::desc desc(dnnl::algorithm::convolution_direct, s.x, s.w,
                                                   s.y, s.stride, s.dilation, s.pad, s.pad);
  return {desc, attr, engine, forward, true};
}

inline dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(
    const dnnl::engine& engine, const ConvolutionSizes& s, const dnnl::primitive_attr& attr) {
  const auto forward = convolution(engine, s, attr, dnnl::prop_kind::forward_training);
  if (!forward) return {};
  const dnnl::convolution_backward_weights::desc desc(dnnl::algorithm::convolution_direct, s.x,
                                                      s.dw, s.bias, s.y, s.stride, s.dilation,
                                                      s.pad, s.pad);
  return {desc, attr, engine, forward, true};
}

inline dnnl::matmul::primitive_desc matmul(const dnnl::engine& engine, const Desc& a, const Desc& b,
                                           const Desc& c, const dnnl::primitive_attr& attr) {
  return {dnnl::matmul::desc(a, b, c), attr, engine, true};
}

#else

inline void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm f, float alpha, float beta) {
  ops.append_eltwise(f, alpha, beta);
}

inline dnnl::convolution_forward::primitive_desc convolution(
    const dnnl::engine& engine, const ConvolutionSizes& s, const dnnl::primitive_attr& attr,
    dnnl::prop_kind kind = dnnl::prop_kind::forward_inference) {
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
  return {engine,   kind,       kDirect, s.x,   s.w,  s.bias, s.y,
          s.stride, s.dilation, s.pad,   s.pad, attr, true};
}

inline dnnl::convolution_backward_data::primitive_desc convolution_backward_data(
    const dnnl::engine& engine, const ConvolutionSizes& s, const dnnl::primitive_attr& attr) {
  const auto forward = convolution(engine, s, attr, dnnl::prop_kind::forward_training);
  if (!forward) return {};
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
  return {engine, kDirect, s.x, s.w, s.y, s.stride, s.dilation, s.pad, s.pad, forward, attr, true};
}

inline dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(
    const dnnl::engine& engine, const ConvolutionSizes& s, const dnnl::primitive_attr& attr) {
  const auto forward = convolution(engine, s, attr, dnnl::prop_kind::forward_training);
  if (!forward) return {};
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
  return {engine,     kDirect, s.x,   s.dw,    s.bias, s.y, s.stride,
          s.dilation, s.pad,   s.pad, forward, attr,   true};
}

inline dnnl::matmul::primitive_desc matmul(const dnnl::engine& engine, const Desc& a, const Desc& b,
                                           const Desc& c, const dnnl::primitive_attr& attr) {
  return {engine, a, b, c, attr, true};
}

#endif

}  // namespace sf::onednn
