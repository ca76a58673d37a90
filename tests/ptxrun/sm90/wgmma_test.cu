// wgmma: element types, operands in registers and shared memory, swizzles, transposes, signs.
#include "program.h"
#include "sm90/ptx.cuh"
#include "sm90/values.h"

namespace ptxrun_test {
namespace {

constexpr int kColumns = 16, kThreads = 128, kAccumulators = 8;
constexpr u32 kSharedBytes = 32768, kBStart = 16384;
enum class Defect { none, no_wait, no_fence, operand_overwritten_before_wait, no_proxy_fence };
enum Mode {
  kF16,
  kBf16,
  kTf32,
  kF16Registers,
  kTf32Registers,
  kF16NegatedA,
  kF16TransposedA,
  kF16TransposedB,
  kF16TransposedBoth,
  kF16NegatedBoth,
  kBf16RegistersTransposedB,
  kModes
};

// Operands come as an image of shared memory with descriptors made on the host.
__global__ void wgmma_kernel(const uint4* image, int words, u64 a_at, u64 b_at,
                             const u32* a_registers, float* out, Mode mode, int accumulate,
                             Defect defect) {
  extern __shared__ __align__(1024) uint4 shared[];
  const int t = threadIdx.x;
  for (int i = t; i < words; i += blockDim.x) shared[i] = image[i];
  if (defect != Defect::no_proxy_fence) fence_async();
  __syncthreads();
  float d[kAccumulators];
  for (int i = 0; i < kAccumulators; ++i) d[i] = i + t * 0.25f;
  u32 a[4];
  for (int i = 0; i < 4; ++i) a[i] = a_registers[t * 4 + i];
  if (defect != Defect::no_fence) wgmma_fence();
  switch (mode) {
    case kF16: PTX_WGMMA_SHARED("f16", "16", "1,1,0,0", d, a_at, b_at, accumulate); break;
    case kBf16: PTX_WGMMA_SHARED("bf16", "16", "1,1,0,0", d, a_at, b_at, accumulate); break;
    case kTf32: PTX_WGMMA_SHARED("tf32", "8", "1,1", d, a_at, b_at, accumulate); break;
    case kF16Registers: PTX_WGMMA_REGISTERS("f16", "16", "1,1,0", d, a, b_at, accumulate); break;
    case kTf32Registers: PTX_WGMMA_REGISTERS("tf32", "8", "1,1", d, a, b_at, accumulate); break;
    case kF16NegatedA: PTX_WGMMA_SHARED("f16", "16", "-1,1,0,0", d, a_at, b_at, accumulate); break;
    case kF16TransposedA:
      PTX_WGMMA_SHARED("f16", "16", "1,1,1,0", d, a_at, b_at, accumulate);
      break;
    case kF16TransposedB:
      PTX_WGMMA_SHARED("f16", "16", "1,1,0,1", d, a_at, b_at, accumulate);
      break;
    case kF16TransposedBoth:
      PTX_WGMMA_SHARED("f16", "16", "1,1,1,1", d, a_at, b_at, accumulate);
      break;
    case kF16NegatedBoth:
      PTX_WGMMA_SHARED("f16", "16", "-1,-1,0,0", d, a_at, b_at, accumulate);
      break;
    case kBf16RegistersTransposedB:
      PTX_WGMMA_REGISTERS("bf16", "16", "1,1,1", d, a, b_at, accumulate);
      break;
    default: break;
  }
  wgmma_commit();
  if (defect == Defect::operand_overwritten_before_wait) {
    __syncthreads();
    constexpr u32 kNan = 0x7e007e00;
    if (t == 0) shared[0] = make_uint4(kNan, kNan, kNan, kNan);
    __syncthreads();
  }
  if (defect != Defect::no_wait) wgmma_wait();
  for (int i = 0; i < kAccumulators; ++i) out[t * kAccumulators + i] = d[i];
}

u64 descriptor(u32 start, u32 leading, u32 stride, int swizzle) {
  constexpr u64 kCode[] = {0, 3, 2, 1};
  return start >> 4 | (u64)(leading >> 4) << 16 | (u64)(stride >> 4) << 32 | kCode[swizzle] << 62;
}

struct Operand {
  int rows, depth, element_size, swizzle;
  bool mn_major;
};

// Places a matrix in the canonical layout of the manual and returns its descriptor; put(to, row, k)
// writes an element.
template <class Put>
u64 place(std::vector<unsigned char>& image, u32 start, const Operand& o, Put put) {
  const u32 span = 16 << o.swizzle;  // bytes
  const u32 stride = o.swizzle ? 8 * span : 256;
  u32 leading = o.swizzle ? 16 : 128;
  if (o.swizzle && o.mn_major) leading = stride * (o.depth / 8);
  for (u32 row = 0; row < (u32)o.rows; ++row)
    for (u32 k = 0; k < (u32)o.depth; ++k) {
      // Byte x of line y: along k for K-major operands, along the rows for MN-major ones.
      const u32 x = (o.mn_major ? row : k) * o.element_size, y = o.mn_major ? k : row;
      u32 at;
      if (o.swizzle)
        at = o.mn_major ? x % span + x / span * leading + y % 8 * span + y / 8 * stride
                        : x + y % 8 * span + y / 8 * stride;
      else
        at = o.mn_major ? x % 16 + x / 16 * stride + y % 8 * 16 + y / 8 * leading
                        : x % 16 + x / 16 * leading + y % 8 * 16 + y / 8 * stride;
      put(&image[swizzled(start + at, o.swizzle)], row, k);
    }
  return descriptor(start, leading, stride, o.swizzle);
}

struct Case {
  Mode mode;
  int swizzle_a, swizzle_b, accumulate;
  Defect defect = Defect::none;
};

bool run_wgmma(const Case& c) {
  const bool tf32 = c.mode == kTf32 || c.mode == kTf32Registers;
  const bool bf16 = c.mode == kBf16 || c.mode == kBf16RegistersTransposedB;
  const bool a_transposed = c.mode == kF16TransposedA || c.mode == kF16TransposedBoth;
  const bool b_transposed = c.mode == kF16TransposedB || c.mode == kF16TransposedBoth ||
                            c.mode == kBf16RegistersTransposedB;
  const int depth = tf32 ? 8 : 16, size = tf32 ? 4 : 2;
  const Format format = tf32 ? Format::tf32 : bf16 ? Format::bf16 : Format::f16;
  const auto a = quarters(64 * depth), b = quarters(kColumns * depth);
  std::vector<unsigned char> image(kSharedBytes);
  const u64 a_at =
      place(image, 0, {64, depth, size, c.swizzle_a, a_transposed},
            [&](unsigned char* p, int i, int k) { write(p, a[i * depth + k], format); });
  const u64 b_at =
      place(image, kBStart, {kColumns, depth, size, c.swizzle_b, b_transposed},
            [&](unsigned char* p, int i, int k) { write(p, b[i * depth + k], format); });
  std::vector<u32> registers(kThreads * 4);
  for (int t = 0; t < kThreads; ++t)
    for (int i = 0; i < 4; ++i) {
      const int row = t / 32 * 16 + t % 32 / 4 + (i & 1) * 8, per_register = 4 / size;
      for (int j = 0; j < per_register; ++j) {
        const int k = t % 4 * per_register + j + (i >> 1) * 4 * per_register;
        auto* p = reinterpret_cast<unsigned char*>(&registers[t * 4 + i]);
        write(p + j * size, a[row * depth + k], format);
      }
    }
  const DeviceBuffer shared(image);
  const DeviceBuffer a_registers(registers);
  const DeviceBuffer<float> out(kThreads * kAccumulators);
  wgmma_kernel<<<1, kThreads, kSharedBytes>>>((const uint4*)shared.data(), kSharedBytes / 16, a_at,
                                              b_at, a_registers.data(), out.data(), c.mode,
                                              c.accumulate, c.defect);
  const auto d = out.download();
  const float sign = c.mode == kF16NegatedA ? -1 : 1;
  bool right = true;
  for (int t = 0; t < kThreads; ++t)
    for (int i = 0; i < kAccumulators; ++i) {
      const int row = t / 32 * 16 + t % 32 / 4 + (i >> 1 & 1) * 8;
      const int column = (i >> 2) * 8 + t % 4 * 2 + (i & 1);
      double sum = c.accumulate ? i + t * 0.25 : 0;
      for (int k = 0; k < depth; ++k) sum += sign * a[row * depth + k] * b[column * depth + k];
      right &= d[t * kAccumulators + i] == (float)sum;
    }
  return right;
}

TEST(Wgmma, EveryModeAndSwizzleIsExactOnQuarters) {
  for (int mode = 0; mode < kModes; ++mode)
    for (int a = 0; a < 4; ++a)
      for (int b = 0; b < 4; ++b) {
        const bool b_transposed = mode == kF16TransposedB || mode == kF16TransposedBoth ||
                                  mode == kBf16RegistersTransposedB;
        if (b_transposed && b > 1) continue;  // 16 columns fill no wider span
        SCOPED_TRACE("mode " + std::to_string(mode) + ", swizzles " + std::to_string(a) + " and " +
                     std::to_string(b));
        expect_right([&] { return run_wgmma({(Mode)mode, a, b, (a + b) & 1}); });
      }
}

TEST(Wgmma, DefectsAreDetected) {
  auto run = [](Defect defect) { return [defect] { return run_wgmma({kF16, 3, 3, 0, defect}); }; };
  expect_detected(run(Defect::no_wait), "wgmma operations it never waited for");
  expect_detected(run(Defect::no_fence), "before any wgmma.fence");
  expect_detected(run(Defect::operand_overwritten_before_wait), kWrongResult);
  expect_detected(run(Defect::no_proxy_fence), "written without a fence.proxy.async");
}

}  // namespace
}  // namespace ptxrun_test
