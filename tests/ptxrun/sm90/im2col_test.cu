// Tensor copies in im2col mode: ranks, strides, filter offsets, swizzles.
#include "program.h"
#include "sm90/ptx.cuh"

namespace ptxrun_test {
namespace {

using Element = unsigned short;
constexpr u32 kPixels = 40;

template <int kRank>
__global__ void im2col_kernel(const __grid_constant__ CUtensorMap map,
                              const __grid_constant__ Place place, unsigned char* seen, int bytes) {
  extern __shared__ __align__(1024) unsigned char box[];
  __shared__ alignas(8) u64 barrier;
  if (threadIdx.x == 0) {
    mbarrier_init(&barrier, 1);
    fence_init();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    mbarrier_arrive_expect(&barrier, bytes);
    im2col_load<kRank>(box, &map, &barrier, place);
  }
  mbarrier_wait(&barrier, 0);
  for (int i = threadIdx.x; i < bytes; i += blockDim.x) seen[i] = box[i];
}

struct Im2col {
  int swizzle, stride, dilation, first_pixel;
};

template <int kRank>
bool run_im2col(const Im2col& p) {
  constexpr int kSpatial = kRank - 2, kBatch = 3, kFirstChannel = 8;
  constexpr int kInner[] = {16, 16, 32, 64};
  const int inner = kInner[p.swizzle], channels = inner + 16;
  cuuint64_t extent[5] = {(u64)channels, 7, 6, 5, 2}, stride[4];
  extent[kRank - 1] = kBatch;
  const int low[3] = {-1, -2, -1}, high[3] = {-1, -1, 0};
  cuuint32_t element_stride[5] = {1, 1, 1, 1, 1};
  u64 count = channels;
  for (int i = 1; i < kRank; ++i) {
    stride[i - 1] = count * sizeof(Element);
    count *= extent[i];
    if (i <= kSpatial) element_stride[i] = p.stride;
  }
  std::vector<Element> values(count);
  for (u64 i = 0; i < count; ++i) values[i] = i * 3 + 5;
  const DeviceBuffer in(values);
  alignas(64) CUtensorMap map;
  EXPECT_EQ(
      cuTensorMapEncodeIm2col(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, kRank, in.data(), extent,
                              stride, low, high, inner, kPixels, element_stride,
                              CU_TENSOR_MAP_INTERLEAVE_NONE, (CUtensorMapSwizzle)p.swizzle,
                              CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
      CUDA_SUCCESS);

  // The base pixels of the bounding box, counted with W fastest and the batch slowest.
  auto base_pixel = [&](int pixel, int* c) {
    for (int i = 0; i < kSpatial; ++i) {
      const int positions = ((int)extent[i + 1] - 1 + high[i] - low[i]) / p.stride + 1;
      c[i + 1] = low[i] + pixel % positions * p.stride;
      pixel /= positions;
    }
    c[kRank - 1] = pixel;
  };
  Place place{};
  base_pixel(p.first_pixel, place.c);
  place.c[0] = kFirstChannel;
  for (int i = 0; i < 3; ++i) place.tap[i] = (i + 1) % 3 * p.dilation;

  const u32 bytes = kPixels * inner * sizeof(Element);
  const DeviceBuffer<unsigned char> seen(bytes);
  im2col_kernel<kRank><<<1, 32, bytes>>>(map, place, seen.data(), bytes);
  const auto box = seen.download();
  bool right = true;
  for (u32 pixel = 0; pixel < kPixels; ++pixel) {
    int c[5];
    base_pixel(p.first_pixel + pixel, c);
    for (int x = 0; x < inner; ++x) {
      bool inside = kFirstChannel + x < channels && c[kRank - 1] < kBatch;
      u64 index = kFirstChannel + x;
      for (int i = 1; i < kRank; ++i) {
        const int at = c[i] + (i <= kSpatial ? place.tap[i - 1] : 0);
        inside &= at >= 0 && at < (int)extent[i];
        index += at * (stride[i - 1] / sizeof(Element));
      }
      Element found;
      memcpy(&found, &box[swizzled((pixel * inner + x) * sizeof(Element), p.swizzle)],
             sizeof found);
      right &= found == (inside ? values[index] : 0);
    }
  }
  return right;
}

TEST(Im2col, RanksStridesDilationsAndSwizzles) {
  for (int swizzle = 0; swizzle < 4; ++swizzle) {
    SCOPED_TRACE(swizzle);
    expect_right([&] {
      return run_im2col<3>({swizzle, 1, 1, 0}) && run_im2col<4>({swizzle, 2, 1, 3}) &&
             run_im2col<5>({swizzle, 1, 2, 17}) && run_im2col<5>({swizzle, 2, 3, 30}) &&
             run_im2col<5>({swizzle, 3, 1, 7});
    });
  }
}

}  // namespace
}  // namespace ptxrun_test
