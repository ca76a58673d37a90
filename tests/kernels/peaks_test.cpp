// Peaks of GPUs against those that their makers state.
#include "kernels/base/cuda/peaks.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

cuda::Properties rtx_4090() {
  return {.name = "NVIDIA GeForce RTX 4090",
          .major = 8,
          .minor = 9,
          .multiprocessors = 128,
          .clock = 2520e6,
          .memory_clock = 10501e6,
          .memory_bits = 384};
}

// 1008 GB/s; 82.6, 82.6 and 165.2 TFLOP/s.
TEST(Peaks, OfAnRtx4090AreItsMakers) {
  const Peaks peaks = cuda::peaks_of(rtx_4090()).value();
  EXPECT_NEAR(peaks.bandwidth, 1008e9, 1e9);
  EXPECT_NEAR(peaks.single, 82.6e12, 0.1e12);
  EXPECT_NEAR(peaks.tf32, 82.6e12, 0.1e12);
  EXPECT_NEAR(peaks.half, 165.2e12, 0.1e12);
}

// 1555 GB/s; 19.5, 156 and 312 TFLOP/s.
TEST(Peaks, OfAnA100AreItsMakers) {
  const Peaks peaks = cuda::peaks_of({.name = "NVIDIA A100-SXM4-40GB",
                                      .major = 8,
                                      .multiprocessors = 108,
                                      .clock = 1410e6,
                                      .memory_clock = 1215e6,
                                      .memory_bits = 5120})
                          .value();
  EXPECT_NEAR(peaks.bandwidth, 1555e9, 1e9);
  EXPECT_NEAR(peaks.single, 19.5e12, 0.1e12);
  EXPECT_NEAR(peaks.tf32, 156e12, 1e12);
  EXPECT_NEAR(peaks.half, 312e12, 1e12);
}

// 1830 MHz is what 989.4 TFLOP/s of its tensor cores stand for.
TEST(Peaks, OfAnH100AreItsMakers) {
  const Peaks peaks = cuda::peaks_of({.name = "NVIDIA H100 80GB HBM3",
                                      .major = 9,
                                      .multiprocessors = 132,
                                      .clock = 1830e6,
                                      .memory_clock = 2619e6,
                                      .memory_bits = 5120})
                          .value();
  EXPECT_NEAR(peaks.bandwidth, 3352e9, 1e9);
  EXPECT_NEAR(peaks.half, 989.4e12, 1e12);
}

TEST(Peaks, OfWhatIsNotKnownAreNone) {
  cuda::Properties other = rtx_4090();
  other.minor = 1;
  EXPECT_FALSE(cuda::peaks_of(other));
  other = rtx_4090();
  other.clock = 0;
  EXPECT_FALSE(cuda::peaks_of(other));
}

constexpr Peaks kRound{.bandwidth = 1e9, .single = 1e9, .tf32 = 4e9, .half = 1e10};

TEST(Roofline, IsTheLongerOfTrafficAndArithmetic) {
  EXPECT_DOUBLE_EQ(roofline_seconds({.bytes = 2e9, .operations = 1e9}, kRound), 2);
  EXPECT_DOUBLE_EQ(roofline_seconds({.bytes = 1e9, .operations = 3e9}, kRound), 3);
}

TEST(Roofline, CountsArithmeticAtTheSpeedOfItsType) {
  const auto seconds = [](DType type, bool tf32) {
    return roofline_seconds({.operations = 4e10, .type = type, .tf32 = tf32}, kRound);
  };
  EXPECT_DOUBLE_EQ(seconds(DType::f32, false), 40);
  EXPECT_DOUBLE_EQ(seconds(DType::f32, true), 10);
  EXPECT_DOUBLE_EQ(seconds(DType::bf16, false), 4);
  EXPECT_DOUBLE_EQ(seconds(DType::f16, false), 4);
}

}  // namespace
}  // namespace sf
