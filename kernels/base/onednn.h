// oneDNN primitives as kernels use them: everything is created at plan time, a run sets pointers.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/onednn_compat.h"

namespace sf::onednn {

// The one CPU engine.
const dnnl::engine& engine();

// Whether oneDNN has kernels for tensors of that type: f32 and bf16. For bf16 that still depends on
// the processor; then it has its reference alone.
inline bool has_type(DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; }
dnnl::memory::data_type data_type(DType dtype);

// A descriptor whose layout the primitive chooses, and one with given strides.
Desc any(const Dims& dims, DType dtype = DType::f32);
Desc strided(const Dims& dims, const Dims& strides, DType dtype = DType::f32);

// True for oneDNN's plain loops, 100 times slower than its kernels, and for no implementation ("").
bool is_reference(const std::string& implementation);
// Whether it is one of the kernels for AVX2 and no more.
bool is_avx2(const std::string& implementation);

// A primitive with the memory objects of its arguments, for one thread at a time. Bind every
// argument before the first execute(); pointers stay bound.
class Call {
 public:
  struct Argument {
    int index;  // DNNL_ARG_SRC ...
    Desc desc;  // of no size: left out
  };
  Call(const dnnl::primitive& primitive, const std::vector<Argument>& arguments);
  void bind(int index, const void* data);
  void execute();

 private:
  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

// Copies from one layout to another: bind DNNL_ARG_FROM and DNNL_ARG_TO.
Call reorder(const Desc& from, const Desc& to);

// A primitive that takes packed weights, and the reorder that packs them.
class PackedCall {
 public:
  // `plain` describes the weights as the caller has them, pd gives the packed layout.
  template <class PrimitiveDesc>
  PackedCall(const PrimitiveDesc& pd, const dnnl::primitive& primitive, const Desc& plain)
      : workspace_bytes_(pd.scratchpad_desc().get_size()),
        packed_bytes_(pd.weights_desc().get_size()),
        call_(primitive, {{DNNL_ARG_SRC, pd.src_desc()},
                          {DNNL_ARG_WEIGHTS, pd.weights_desc()},
                          {DNNL_ARG_BIAS, pd.bias_desc()},
                          {DNNL_ARG_DST, pd.dst_desc()},
                          {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}),
        reorder_(reorder(plain, pd.weights_desc())) {}

  size_t workspace_bytes() const { return workspace_bytes_; }
  size_t packed_bytes() const { return packed_bytes_; }
  void pack(const void* weights, void* packed);
  void run(const void* x, const void* packed, const void* bias, void* y, void* workspace);

 private:
  size_t workspace_bytes_, packed_bytes_;
  Call call_, reorder_;
};

}  // namespace sf::onednn
