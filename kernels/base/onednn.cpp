#include "kernels/base/onednn.h"

namespace sf::onednn {

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::memory::data_type data_type(DType dtype) {
  return dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

Desc any(const Dims& dims, DType dtype) {
  return {dims, data_type(dtype), dnnl::memory::format_tag::any};
}

Desc strided(const Dims& dims, const Dims& strides, DType dtype) {
  return {dims, data_type(dtype), strides};
}

bool is_reference(const std::string& implementation) {
  return implementation.empty() || implementation.find("ref") != std::string::npos;
}

bool is_avx2(const std::string& implementation) {
  return implementation.find("avx2") != std::string::npos;
}

Call::Call(const dnnl::primitive& primitive, const std::vector<Argument>& arguments)
    : primitive_(primitive), stream_(engine()) {
  for (const Argument& argument : arguments) {
    if (argument.desc.get_size() == 0) continue;
    memories_.emplace_back(argument.desc, engine(), nullptr);
    arguments_.push_back({argument.index, memories_.back().get()});
  }
}

void Call::bind(int index, const void* data) {
  for (size_t i = 0; i < arguments_.size(); ++i) {
    if (arguments_[i].arg != index) continue;
    // Setting a pointer again may write the zeros of a padded layout again.
    if (memories_[i].get_data_handle() != data)
      memories_[i].set_data_handle(const_cast<void*>(data));
    return;
  }
}

void Call::execute() {
  // dnnl::primitive::execute would copy the arguments to a new vector. With the shapes checked when
  // the primitive was made, what is left to fail is a missing argument.
  dnnl_primitive_execute(primitive_.get(), stream_.get(), int(arguments_.size()),
                         arguments_.data());
}

Call reorder(const Desc& from, const Desc& to) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::library);
  const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, attr);
  return {dnnl::reorder(pd), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
}

void PackedCall::pack(const void* weights, void* packed) {
  reorder_.bind(DNNL_ARG_FROM, weights);
  reorder_.bind(DNNL_ARG_TO, packed);
  reorder_.execute();
}

void PackedCall::run(const void* x, const void* packed, const void* bias, void* y,
                     void* workspace) {
  call_.bind(DNNL_ARG_SRC, x);
  call_.bind(DNNL_ARG_WEIGHTS, packed);
  call_.bind(DNNL_ARG_BIAS, bias);
  call_.bind(DNNL_ARG_DST, y);
  call_.bind(DNNL_ARG_SCRATCHPAD, workspace);
  call_.execute();
}

}  // namespace sf::onednn
