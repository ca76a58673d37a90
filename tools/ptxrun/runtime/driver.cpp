// The part of the driver's API that runtime programs reach: tensor maps, by link or entry point.
#include <cstdio>
#include <cstring>
#include <string_view>

#include <cuda.h>

#include "device/tensor_map.h"
#include "runtime/device.h"
#include "runtime/status.h"

// cuda.h renames functions to versions of themselves; the plain names are exported.
#undef cuTensorMapEncodeTiled

namespace ptxrun {
namespace {

constexpr uint32_t kMaxRank = 5;

CUresult bad_map(const char* what) {
  fprintf(stderr, "ptxrun: tensor map: %s\n", what);
  return CUDA_ERROR_INVALID_VALUE;
}

int element_size(CUtensorMapDataType type) {
  constexpr int kSize[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  return (unsigned)type < std::size(kSize) ? kSize[type] : 0;
}

struct TensorDescription {
  CUtensorMapDataType type;
  uint32_t rank;
  void* address;
  const cuuint64_t* extent;
  const cuuint64_t* stride;
  const cuuint32_t* element_stride;
  CUtensorMapInterleave interleave;
  CUtensorMapSwizzle swizzle;
  CUtensorMapFloatOOBfill fill;
};

// What both kinds of map have, with the driver's documented limits.
CUresult describe(TensorMap& map, const TensorDescription& d, bool is_im2col,
                  const CUtensorMap* destination) {
  map = {};
  map.magic = kTensorMapMagic;
  if ((uintptr_t)destination & 63) return bad_map("the map is not aligned to 64 bytes");
  if (!element_size(d.type)) return bad_map("element type not supported by ptxrun");
  if (d.interleave != CU_TENSOR_MAP_INTERLEAVE_NONE)
    return bad_map("interleave is not supported by ptxrun");
  if (d.swizzle > CU_TENSOR_MAP_SWIZZLE_128B)
    return bad_map("swizzle mode not supported by ptxrun");
  if (d.rank < (is_im2col ? 3u : 1u) || d.rank > kMaxRank) return bad_map("rank");
  if (!d.address || (uintptr_t)d.address % 16)
    return bad_map("global address not a multiple of 16");
  map.element_size = element_size(d.type);
  map.type = d.type;
  map.rank = d.rank;
  map.base = (uint64_t)d.address;
  map.swizzle = d.swizzle;
  map.is_im2col = is_im2col;
  map.fill_nan = d.fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
  if (map.fill_nan && d.type < CU_TENSOR_MAP_DATA_TYPE_FLOAT16)
    return bad_map("NaN fill of an integer type");
  for (uint32_t i = 0; i < d.rank; ++i) {
    if (!d.extent[i] || d.extent[i] >= 1ull << 32) return bad_map("global dimension out of range");
    if (d.element_stride[i] < 1 || d.element_stride[i] > 8)
      return bad_map("element stride not in 1..8");
    map.extent[i] = (uint32_t)d.extent[i];
    map.element_stride[i] = i ? d.element_stride[i] : 1;
  }
  for (uint32_t i = 0; i + 1 < d.rank; ++i) {
    if (d.stride[i] % 16 || d.stride[i] >= 1ull << 40)
      return bad_map("global stride not a multiple of 16 or too large");
    map.stride[i] = d.stride[i];
  }
  return CUDA_SUCCESS;
}

CUresult write_map(const TensorMap& map, CUtensorMap* destination) {
  const uint32_t row = map.box[0] * map.element_size, span = 16u << map.swizzle;
  if (row % 16) return bad_map("the inner box is not a multiple of 16 bytes");
  if (map.swizzle && row > span) return bad_map("the inner box is wider than the swizzle span");
  if (map.swizzle && row < span)
    return bad_map("an inner box narrower than the swizzle span is not supported by ptxrun");
  memset(destination, 0, sizeof *destination);
  memcpy(destination, &map, sizeof map);
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

CUresult cuTensorMapEncodeTiled(CUtensorMap* out, CUtensorMapDataType type, cuuint32_t rank,
                                void* address, const cuuint64_t* extent, const cuuint64_t* stride,
                                const cuuint32_t* box, const cuuint32_t* element_stride,
                                CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
  TensorMap map;
  const TensorDescription tensor{type,           rank,       address, extent, stride,
                                 element_stride, interleave, swizzle, fill};
  if (const CUresult error = describe(map, tensor, /*is_im2col=*/false, out)) return error;
  uint64_t bytes = map.element_size;
  for (uint32_t i = 0; i < rank; ++i) {
    if (box[i] < 1 || box[i] > 256) return bad_map("box dimension not in 1..256");
    map.box[i] = box[i];
    bytes *= (box[i] + map.element_stride[i] - 1) / map.element_stride[i];
  }
  if (bytes >= 1u << 20) return bad_map("box too large");
  return write_map(map, out);
}

CUresult cuTensorMapEncodeIm2col(CUtensorMap* out, CUtensorMapDataType type, cuuint32_t rank,
                                 void* address, const cuuint64_t* extent, const cuuint64_t* stride,
                                 const int* low, const int* high, cuuint32_t channels,
                                 cuuint32_t pixels, const cuuint32_t* element_stride,
                                 CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                 CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
  TensorMap map;
  const TensorDescription tensor{type,           rank,       address, extent, stride,
                                 element_stride, interleave, swizzle, fill};
  if (const CUresult error = describe(map, tensor, /*is_im2col=*/true, out)) return error;
  if (channels < 1 || channels > 256) return bad_map("channelsPerPixel not in 1..256");
  if (pixels < 1 || pixels > 1024) return bad_map("pixelsPerColumn not in 1..1024");
  map.box[0] = channels;
  map.box[1] = pixels;
  const int limit = rank == 3 ? 32768 : rank == 4 ? 128 : 16;
  for (uint32_t i = 0; i + 2 < rank; ++i) {
    if (low[i] < -limit || low[i] >= limit || high[i] < -limit || high[i] >= limit)
      return bad_map("bounding box corner out of range");
    if ((int64_t)extent[i + 1] - 1 + high[i] < low[i]) return bad_map("empty bounding box");
    map.low[i] = low[i];
    map.high[i] = high[i];
  }
  return write_map(map, out);
}

CUresult cuTensorMapReplaceAddress(CUtensorMap* out, void* address) {
  auto* map = reinterpret_cast<TensorMap*>(out);
  if (map->magic != kTensorMapMagic || (uintptr_t)address % 16) return CUDA_ERROR_INVALID_VALUE;
  map->base = (uint64_t)address;
  return CUDA_SUCCESS;
}

CUresult cuInit(unsigned) { return device_count() > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE; }
CUresult cuDriverGetVersion(int* version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = error ? "CUDA driver error (ptxrun)" : "no error";
  return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult error, const char** text) { return cuGetErrorString(error, text); }

}  // extern "C"

namespace ptxrun {
namespace {

void* driver_function(std::string_view name) {
  struct Entry {
    std::string_view name;
    void* function;
  };
  const Entry entries[] = {
      {"cuTensorMapEncodeTiled", (void*)cuTensorMapEncodeTiled},
      {"cuTensorMapEncodeIm2col", (void*)cuTensorMapEncodeIm2col},
      {"cuTensorMapReplaceAddress", (void*)cuTensorMapReplaceAddress},
      {"cuGetErrorString", (void*)cuGetErrorString},
      {"cuGetErrorName", (void*)cuGetErrorName},
      {"cuDriverGetVersion", (void*)cuDriverGetVersion},
  };
  for (const Entry& entry : entries)
    if (entry.name == name) return entry.function;
  return nullptr;
}

}  // namespace
}  // namespace ptxrun

#undef cudaGetDriverEntryPoint

extern "C" {

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  *function = driver_function(name);
  if (result)
    *result = *function ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  if (*function) return cudaSuccess;
  return fail(cudaErrorSymbolNotFound,
              std::string("the driver function ") + name + " is not supported");
}
cudaError_t cudaGetDriverEntryPoint(const char* name, void** function, unsigned long long flags,
                                    cudaDriverEntryPointQueryResult* result) {
  return cudaGetDriverEntryPointByVersion(name, function, CUDART_VERSION, flags, result);
}

}  // extern "C"
