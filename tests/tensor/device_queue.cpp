// Copies on a queue: on the host, and on a GPU or its stand-in.
#include "tensor/device_queue.h"

#include <gtest/gtest.h>

#include "tensor/tensor.h"

namespace sf {
namespace {

std::vector<float> on_host(const Tensor& tensor) {
  const Tensor host = tensor.to(Device{});
  return {host.span<float>().begin(), host.span<float>().end()};
}

// A block of 2 x 2 out of 3 x 4 there, behind a copy of all, and back by row.
void expect_copies(Device device) {
  const DeviceQueue queue(device);
  EXPECT_EQ(queue.device(), device);
  queue.run([&](Queue q) {
    EXPECT_EQ(q.backend, device.backend);
    EXPECT_EQ(q.native, queue.stream());
  });
  const Tensor from = Tensor::from<float>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {3, 4});
  const Tensor there(from.type(), device), block({{2, 2}, DType::f32}, device);
  queue.copy(there.data(), from.data(), size_t(from.type().bytes()));
  queue.copy_rows(block.data(), there.row(1).data() + 4,
                  {.rows = 2, .bytes = 8, .to_pitch = 8, .from_pitch = 16});
  queue.synchronize("copies");
  EXPECT_EQ(on_host(there), on_host(from));
  EXPECT_EQ(on_host(block), (std::vector<float>{5, 6, 9, 10}));
}

TEST(DeviceQueue, CopiesOnTheHost) {
  expect_copies({});
  expect_copies({.backend = Backend::simt});
}

TEST(CudaDeviceQueue, CopiesOnTheDevice) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  expect_copies({.backend = Backend::cuda});
}

TEST(TensorRow, SharesTheMemoryOfOneIndex) {
  const Tensor all = Tensor::from<float>({0, 1, 2, 3, 4, 5}, {3, 1, 2});
  const Tensor last = all.row(2);
  EXPECT_EQ(last.shape(), (Shape{1, 2}));
  EXPECT_EQ(on_host(last), (std::vector<float>{4, 5}));
  last.span<float>()[0] = 7;
  EXPECT_EQ(all.span<float>()[4], 7);
  EXPECT_EQ(on_host(last.row(0).row(1)), (std::vector<float>{5}));
}

TEST(TensorRow, MisuseIsNamed) {
  const Tensor all = Tensor::zeros({{3, 2}, DType::f32});
  for (const int64_t i : {-1, 3}) {
    try {
      all.row(i);
      ADD_FAILURE() << "wanted a refusal of " << i;
    } catch (const Error& e) {
      EXPECT_EQ(e.what(), cat("tensor: wanted an index of f32[3 2], found ", i));
    }
  }
  EXPECT_THROW(all.row(0).row(0).row(0), Error);
}

}  // namespace
}  // namespace sf
