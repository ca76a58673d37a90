// The CUDA runtime's classes: on a GPU, on its stand-in, or their refusals where there is neither.
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/cuda/runtime.h"
#include "tests/error_of.h"

#if defined(SF_WITH_CUDA)
#include <cuda_runtime_api.h>
#endif

namespace sf {
namespace {

TEST(CudaRuntime, SaysWhatThereIs) {
  const std::string text = cuda::describe_devices();
  EXPECT_EQ(text.starts_with("cuda:0 "), cuda::device_count() > 0) << text;
}

TEST(CudaRuntime, ADeviceThatIsNotThereIsRefused) {
  const std::string found = cuda::device_count() > 0 ? "cuda: wanted device 99, found " : "cuda: ";
  EXPECT_TRUE(error_of([] { cuda::allocate(99, 8); }).starts_with(found));
  EXPECT_TRUE(error_of([] { cuda::Stream stream(99); }).starts_with(found));
  EXPECT_FALSE(error_of([] { cuda::properties(99); }).empty());
}

class CudaDevice : public ::testing::Test {
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  }
};

TEST_F(CudaDevice, HasProperties) {
  const cuda::Properties p = cuda::properties(0);
  EXPECT_EQ(p.name, cuda::device_name(0));
  EXPECT_GE(p.major, 8);
  EXPECT_GT(p.multiprocessors, 0);
  EXPECT_GE(p.clock, 0);
}

TEST_F(CudaDevice, BytesGoThereAndBack) {
  std::vector<int> values(1000), found(1000);
  std::iota(values.begin(), values.end(), 1);
  const size_t bytes = values.size() * sizeof(int);
  void* first = cuda::allocate(0, bytes);
  void* second = cuda::allocate(0, bytes);
  cuda::copy(first, values.data(), bytes);
  cuda::copy(second, first, bytes);
  cuda::copy(found.data(), second, bytes);
  EXPECT_EQ(found, values);
  cuda::fill(second, 0xFF, bytes / 2);
  cuda::copy(found.data(), second, bytes);
  EXPECT_EQ(found[0], -1);
  EXPECT_EQ(found[999], 1000);
  cuda::release(first);
  cuda::release(second);
}

TEST_F(CudaDevice, RowsKeepTheirPitches) {
  const std::vector<char> values{1, 2, 3, 4, 5, 6};
  std::vector<char> found(6);
  auto* device = static_cast<char*>(cuda::allocate(0, 32));
  cuda::fill(device, 9, 32);
  cuda::copy_rows(device, values.data(), {.rows = 3, .bytes = 2, .to_pitch = 8, .from_pitch = 2});
  cuda::copy_rows(found.data(), device + 1,
                  {.rows = 3, .bytes = 2, .to_pitch = 2, .from_pitch = 8});
  EXPECT_EQ(found, (std::vector<char>{2, 9, 4, 9, 6, 9}));
  cuda::release(device);
}

TEST_F(CudaDevice, StreamsCopyPinnedMemory) {
  auto* host = static_cast<char*>(cuda::allocate_pinned(12));
  auto* device = static_cast<char*>(cuda::allocate(0, 12));
  const cuda::Stream there(0), back(0);
  cuda::Event copied(0);
  for (int i = 0; i < 6; ++i) host[i] = char('a' + i);
  there.copy(device, host, 6);
  copied.record(there);
  back.wait_for(copied);
  // Rows of two bytes of three.
  back.copy_rows(host + 6, device, {.rows = 2, .bytes = 2, .to_pitch = 2, .from_pitch = 3});
  back.synchronize();
  EXPECT_EQ(std::string(host + 6, 4), "abde");
  cuda::release(device);
  cuda::release_pinned(host);
}

TEST_F(CudaDevice, MoreThanThereIsIsNamed) {
  const std::string error = error_of([] { cuda::allocate(0, size_t{1} << 50); });
  EXPECT_TRUE(
      error.starts_with("memory: could not allocate 1125899906842624 bytes on cuda:0, "
                        "which has "))
      << error;
  cuda::check_launches("next");  // the refusal is not said again
}

#if defined(SF_WITH_CUDA)
TEST_F(CudaDevice, ARefusedLaunchIsNamedByItsStepOnce) {
  void* arguments[] = {nullptr};
  cudaLaunchKernel(nullptr, 1, 1, arguments, 0, nullptr);
  const auto check = [] { cuda::check_launches("s2.conv"); };
  EXPECT_EQ(error_of(check), "s2.conv: cuda: invalid device function");
  EXPECT_EQ(error_of(check), "");
}
#endif

TEST_F(CudaDevice, EventsOrderAndMeasureStreams) {
  const cuda::Stream first(0), second(0);
  cuda::Event start(0), end(0);
  start.record(first);
  second.wait_for(start);
  end.record(second);
  EXPECT_GE(cuda::Event::milliseconds(start, end), 0);
  first.synchronize();
  second.synchronize();
}

}  // namespace
}  // namespace sf
