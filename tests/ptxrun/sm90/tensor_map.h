// Tensor maps of 16-bit elements for the tests.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

namespace ptxrun_test {

struct Tiled {
  CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  unsigned rank = 0;
  void* data = nullptr;
  cuuint64_t extent[5] = {}, stride[4] = {};  // strides in bytes
  cuuint32_t box[5] = {}, element_stride[5] = {1, 1, 1, 1, 1};
  int swizzle = 0;
};

// Through the driver's entry point, as programs that do not link libcuda get it.
inline CUtensorMap encode(const Tiled& t) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found;
  EXPECT_EQ(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                             cudaEnableDefault, &found),
            cudaSuccess);
  CUtensorMap made;
  EXPECT_EQ(reinterpret_cast<Encode>(function)(
                &made, t.type, t.rank, t.data, t.extent, t.stride, t.box, t.element_stride,
                CU_TENSOR_MAP_INTERLEAVE_NONE, (CUtensorMapSwizzle)t.swizzle,
                CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
            CUDA_SUCCESS);
  return made;
}

}  // namespace ptxrun_test
