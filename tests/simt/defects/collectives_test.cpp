// Warp collectives that a lane misses.
#include "tests/simt/defects/defect.h"

namespace sf::simt {
namespace {

enum class Missing { nobody, skips, left, at_barrier, elsewhere, other_operation };

template <Missing kMissing>
__global__ void sum_kernel(float* y) {
  const int lane = lane_index();
  if (kMissing == Missing::left && lane == 5) return;
  if (kMissing == Missing::at_barrier && lane == 5) __syncthreads();
  float sum = 0;
  if (kMissing == Missing::elsewhere && lane == 5)
    sum = warp_sum(1.0F);
  else if (kMissing == Missing::other_operation && lane == 5)
    sum = float(ballot(true));
  else if (kMissing != Missing::skips || lane != 5)
    sum = warp_sum(1.0F);
  y[lane] = sum;
}

template <Missing kMissing>
void sum(int threads = kWarpSize) {
  std::vector<float> y(kWarpSize);
  launch(sum_kernel<kMissing>, 1, threads, 0, {}, y.data());
  EXPECT_EQ(y, std::vector<float>(kWarpSize, kWarpSize));
}

TEST(Defects, ACollectiveThatALaneMissesIsReported) {
  sum<Missing::nobody>();
  for (const unsigned seed : {0, 1, 2}) {
    const ScopedSeed scoped(seed);
    EXPECT_REPORT(sum<Missing::skips>(), "shuffle_xor");
    EXPECT_REPORT(sum<Missing::left>(), "shuffle_xor");
    EXPECT_REPORT(sum<Missing::at_barrier>(), "shuffle_xor");
    EXPECT_REPORT(sum<Missing::elsewhere>(), "while other lanes wait in shuffle_xor at");
    EXPECT_REPORT(sum<Missing::other_operation>(), "while other lanes wait in");
  }
}

TEST(Defects, ACollectiveOfAWarpThatIsNotWholeIsReported) {
  EXPECT_REPORT(sum<Missing::nobody>(20), "shuffle_xor wants 32 lanes, this warp has 20");
}

template <bool kWhole>
__global__ void multiply_kernel() {
  if (!kWhole && lane_index() >= 16) return;
  float d[4] = {};
  const uint32_t a[4] = {}, b[2] = {};
  mma<bf16>(d, a, b);
}

TEST(Defects, ATensorCoreOperationOfHalfAWarpIsReported) {
  EXPECT_EQ(report_of([] { launch(multiply_kernel<true>, 1, 32, 0, {}); }), "");
  EXPECT_REPORT(launch(multiply_kernel<false>, 1, 32, 0, {}), "mma");
}

}  // namespace
}  // namespace sf::simt
