// Tensor copies of tiles: ranks, swizzles, boxes that stick out at either edge.
#include "program.h"
#include "sm90/ptx.cuh"
#include "sm90/tensor_map.h"

namespace ptxrun_test {
namespace {

enum class Defect { none, misaligned_destination, map_larger_than_buffer };
using Element = unsigned short;
constexpr Element kUntouched = 0xabcd;

// Loads a box, shows its bytes as they lie in shared memory, stores it by another map.
template <int kRank>
__global__ void tile_kernel(const __grid_constant__ CUtensorMap from,
                            const __grid_constant__ CUtensorMap to,
                            const __grid_constant__ Place place, unsigned char* seen, int bytes,
                            Defect defect) {
  extern __shared__ __align__(1024) unsigned char box[];
  __shared__ alignas(8) u64 barrier;
  if (threadIdx.x == 0) {
    mbarrier_init(&barrier, 1);
    fence_init();
    fence_async();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    mbarrier_arrive_expect(&barrier, bytes);
    const int shift = defect == Defect::misaligned_destination ? 64 : 0;
    tensor_load<kRank>(box + shift, &from, &barrier, place);
  }
  mbarrier_wait(&barrier, 0);
  for (int i = threadIdx.x; i < bytes; i += blockDim.x) seen[i] = box[i];
  __syncthreads();
  if (threadIdx.x == 0) {
    tensor_store<kRank>(&to, box, place);
    bulk_commit();
    bulk_wait();
  }
}

struct Tile {
  int swizzle;
  bool low_edge;  // the box begins before the tensor; else it ends after it
  Defect defect = Defect::none;
};

template <int kRank>
bool run_tile(const Tile& tile) {
  constexpr int kInner[] = {24, 16, 32, 64};  // a swizzle span, or a row without
  const u32 inner = kInner[tile.swizzle];
  Tiled t{.rank = kRank,
          .extent = {(inner + 27) / 8 * 8, 7, 5, 4, 3},
          .box = {inner, 4, 3, 2, 2},
          .swizzle = tile.swizzle};
  if (kRank == 1) t.extent[0] = 200;
  if (tile.low_edge && kRank >= 3) t.element_stride[2] = 2;
  u64 count = t.extent[0];
  for (int i = 1; i < kRank; ++i) {
    t.stride[i - 1] = count * sizeof(Element) + (i == 1 ? 32 : 0);  // rows have a gap
    count = t.stride[i - 1] / sizeof(Element) * t.extent[i];
  }
  std::vector<Element> values(count);
  for (u64 i = 0; i < count; ++i) values[i] = i * 7 + 1;
  const DeviceBuffer in(values), out(std::vector<Element>(count, kUntouched));
  t.data = out.data();
  const CUtensorMap to = encode(t);
  t.data = in.data();
  Tiled larger = t;
  if (tile.defect == Defect::map_larger_than_buffer) larger.extent[kRank - 1] += 1;
  const CUtensorMap from = encode(larger);

  const Place place = tile.low_edge ? Place{{-5, -2, -1, -1, -1}, {}}
                                    : Place{{(int)t.extent[0] - (int)inner + 3, 5, 3, 2, 2}, {}};
  u32 steps[5] = {inner, 1, 1, 1, 1}, bytes = inner * sizeof(Element);
  for (int i = 1; i < kRank; ++i) {
    steps[i] = (t.box[i] + t.element_stride[i] - 1) / t.element_stride[i];
    bytes *= steps[i];
  }
  const DeviceBuffer<unsigned char> seen(bytes);
  cudaFuncSetAttribute(tile_kernel<kRank>, cudaFuncAttributeMaxDynamicSharedMemorySize, 100000);
  tile_kernel<kRank><<<1, 32, bytes + 128>>>(from, to, place, seen.data(), bytes, tile.defect);

  const auto box = seen.download();
  std::vector<Element> stored(count, kUntouched);
  bool right = true;
  u32 at = 0;
  u32 k[5];
  for (k[4] = 0; k[4] < steps[4]; ++k[4])
    for (k[3] = 0; k[3] < steps[3]; ++k[3])
      for (k[2] = 0; k[2] < steps[2]; ++k[2])
        for (k[1] = 0; k[1] < steps[1]; ++k[1])
          for (k[0] = 0; k[0] < steps[0]; ++k[0], at += sizeof(Element)) {
            bool inside = true;
            u64 index = 0;
            for (int i = 0; i < kRank; ++i) {
              const int c = place.c[i] + (int)(k[i] * t.element_stride[i]);
              inside &= c >= 0 && c < (int)t.extent[i];
              index += c * (i ? t.stride[i - 1] / sizeof(Element) : 1);
            }
            Element found;
            memcpy(&found, &box[swizzled(at, tile.swizzle)], sizeof found);
            right &= found == (inside ? values[index] : 0);
            if (inside) stored[index] = values[index];
          }
  return right && out.download() == stored;
}

template <int kRank>
void expect_all_tiles() {
  for (int swizzle = 0; swizzle < 4; ++swizzle)
    for (bool low_edge : {false, true}) {
      SCOPED_TRACE("swizzle " + std::to_string(swizzle) + (low_edge ? ", low edge" : ""));
      expect_right([&] { return run_tile<kRank>({swizzle, low_edge}); });
    }
}

TEST(TiledCopy, Rank1) { expect_all_tiles<1>(); }
TEST(TiledCopy, Rank2) { expect_all_tiles<2>(); }
TEST(TiledCopy, Rank3) { expect_all_tiles<3>(); }
TEST(TiledCopy, Rank4) { expect_all_tiles<4>(); }
TEST(TiledCopy, Rank5) { expect_all_tiles<5>(); }

TEST(TiledCopy, DefectsAreDetected) {
  expect_detected(
      [] {
        return run_tile<3>({0, false, Defect::misaligned_destination});
      },
      "misaligned shared address");
  expect_detected(
      [] {
        return run_tile<3>({0, false, Defect::map_larger_than_buffer});
      },
      "out-of-bounds global load");
}

}  // namespace
}  // namespace ptxrun_test
