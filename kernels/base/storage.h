// Choice of the storage type of a kernel that computes in float32.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/half.h"

namespace sf {

inline bool is_storage(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
}

// f(T{}) for T float, bf16 or f16.
template <class F>
void with_storage(DType dtype, const F& f) {
  if (dtype == DType::bf16)
    f(bf16{});
  else if (dtype == DType::f16)
    f(f16{});
  else
    f(float{});
}

}  // namespace sf
