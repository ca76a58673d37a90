// Tensors in memory of a CUDA device: on a GPU or its stand-in.
#include <filesystem>

#include <gtest/gtest.h>

#include "kernels/base/cuda/runtime.h"
#include "tensor/checkpoint.h"
#include "tensor/tensor.h"
#include "tests/error_of.h"

namespace sf {
namespace {

constexpr Device kCuda{.backend = Backend::cuda};

std::vector<float> values(const Tensor& tensor) {
  const auto all = tensor.span<float>();
  return {all.begin(), all.end()};
}

class CudaTensor : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  }
  const std::vector<float> numbers_{1, 2, 3, 4, 5, 6};
  const Tensor host_ = Tensor::from(numbers_, {2, 3});
};

TEST_F(CudaTensor, GoesThereAndBack) {
  const Tensor there = host_.to(kCuda);
  EXPECT_EQ(there.device(), kCuda);
  EXPECT_EQ(there.to(kCuda).data(), there.data());  // already there
  const Tensor twice = there.clone();
  EXPECT_NE(twice.data(), there.data());
  EXPECT_EQ(values(twice.to(Device{})), numbers_);
}

TEST_F(CudaTensor, TheMostMemoryThatWasHeldIsKnown) {
  const TensorType large{{1 << 20}, DType::f32};
  const size_t before = Storage::peak_cuda_bytes();
  {
    const Tensor first(large, kCuda), second(large, kCuda);
    EXPECT_GE(Storage::peak_cuda_bytes(), size_t(2 * large.bytes()));
  }
  const size_t peak = Storage::peak_cuda_bytes();
  EXPECT_LE(peak, before + size_t(2 * large.bytes()));
  const Tensor third(large, kCuda);
  EXPECT_EQ(Storage::peak_cuda_bytes(), peak);
}

TEST_F(CudaTensor, IsCopiedFromAndToTheHost) {
  const Tensor there({{2, 3}, DType::f32}, kCuda);
  there.copy_from(host_);
  const Tensor back = Tensor::zeros(host_.type());
  back.copy_from(there);
  EXPECT_EQ(values(back), numbers_);
}

TEST_F(CudaTensor, MovingTakesAllWhoShareTheStorageAlong) {
  const Tensor tensor = host_.clone(), shared = tensor.reshape({6});
  tensor.move_to(kCuda);
  EXPECT_EQ(shared.device(), kCuda);
  tensor.move_to(Device{});
  EXPECT_EQ(values(shared), numbers_);
}

TEST_F(CudaTensor, HasNoElementsForTheHost) {
  const Tensor there = host_.to(kCuda);
  const std::string refusal = "tensor: wanted f32[2 3] on the host, found it on cuda:0";
  EXPECT_EQ(error_of([&] { there.span<float>(); }), refusal);
  EXPECT_EQ(error_of([&] { there.to(DType::f64); }), refusal);
}

TEST_F(CudaTensor, IsSavedByWayOfTheHost) {
  const auto path = std::filesystem::temp_directory_path() / "cuda_tensor_test.safetensors";
  Checkpoint checkpoint;
  checkpoint.tensors = {{"a", host_.to(kCuda)}};
  save_checkpoint(path, checkpoint);
  EXPECT_EQ(values(load_checkpoint(path).tensors[0].second), numbers_);
  std::filesystem::remove(path);
}

TEST(Device, NamesOfCudaDevices) {
  EXPECT_EQ(Device{kCuda}.name(), "cuda:0");
  for (const char* text : {"cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cudax"})
    EXPECT_EQ(error_of([&] { Device::parse(text); }),
              cat("device: wanted auto, cpu, simt, cuda or cuda:N, found '", text, "'"));
  EXPECT_EQ(Device::parse("auto"), cuda::device_count() > 0 ? kCuda : Device{});
  EXPECT_EQ(Device::parse_to_plan("auto"), Device::parse("auto"));
  if (cuda::device_count() == 0)
    EXPECT_EQ(error_of([] { Device::parse("cuda"); }),
              "device: wanted cuda, found none: " + cuda::describe_devices());
  else
    EXPECT_EQ(Device::parse("cuda:0"), kCuda);
}

}  // namespace
}  // namespace sf
