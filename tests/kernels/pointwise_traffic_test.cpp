// What the device kernels of pointwise functions move: every byte once, in whole vectors.
#include "kernels/pointwise/backward.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/simt/counters.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr int kPixels = 96, kChannels = 64, kPitch = 80;

template <class T>
class PointwiseTraffic : public ::testing::Test {
 protected:
  // Rows that begin on a sector of 32 bytes.
  struct Buffer {
    std::vector<T> all = std::vector<T>(kPixels * kPitch + 32, T(1.0F));
    T* data() {
      return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(all.data()) + 31) / 32 * 32);
    }
  };

  static void expect_each_byte_once(const simt::Counts& counts, int inputs) {
    const int64_t tensor = int64_t(kPixels) * kChannels * int64_t(sizeof(T));
    EXPECT_EQ(counts.global_load_bytes, inputs * tensor);
    EXPECT_EQ(32 * counts.global_load_sectors, inputs * tensor);
    EXPECT_EQ(counts.global_store_bytes, tensor);
    EXPECT_EQ(32 * counts.global_store_sectors, tensor);
    EXPECT_EQ(counts.narrow_global_accesses, 0);
    EXPECT_EQ(counts.launches, 1);
  }

  Buffer a, b, y;
};
using StorageTypes = ::testing::Types<float, bf16, f16>;
TYPED_TEST_SUITE(PointwiseTraffic, StorageTypes);

TYPED_TEST(PointwiseTraffic, UnaryKernelsMoveEachByteOnce) {
  const UnaryProblem p{.dtype = dtype_of<TypeParam>,
                       .pixels = kPixels,
                       .c = kChannels,
                       .x_pitch = kPitch,
                       .y_pitch = kChannels};
  const simt::Counters counters;
  run_kernel(*select(unary_kernels(Backend::simt), p), p,
             {.x = this->a.data(), .y = this->y.data()});
  this->expect_each_byte_once(counters.total(), 1);
}

TYPED_TEST(PointwiseTraffic, UnaryBackwardKernelsMoveEachByteOnce) {
  const UnaryBackwardProblem p{.dtype = dtype_of<TypeParam>,
                               .pixels = kPixels,
                               .c = kChannels,
                               .saved_pitch = kPitch,
                               .dy_pitch = kChannels,
                               .dx_pitch = kPitch};
  const simt::Counters counters;
  run_kernel(*select(unary_backward_kernels(Backend::simt), p), p,
             {.saved = this->a.data(), .dy = this->b.data(), .dx = this->y.data()});
  this->expect_each_byte_once(counters.total(), 2);
}

TYPED_TEST(PointwiseTraffic, BinaryKernelsMoveEachByteOnce) {
  const BinaryProblem p{.dtype = dtype_of<TypeParam>,
                        .pixels = kPixels,
                        .c = kChannels,
                        .a_pitch = kPitch,
                        .b_pitch = kChannels,
                        .y_pitch = kPitch};
  const simt::Counters counters;
  run_kernel(*select(binary_kernels(Backend::simt), p), p,
             {.a = this->a.data(), .b = this->b.data(), .y = this->y.data()});
  this->expect_each_byte_once(counters.total(), 2);
}

}  // namespace
}  // namespace sf
