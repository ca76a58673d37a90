#include "data/batch_memory.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

TensorType bytes(int64_t n) { return {Shape{n}, DType::u8}; }

TEST(BatchMemory, ReleasedMemoryServesTheNextTensorOfItsSize) {
  BatchMemory memory(200);
  Tensor a = memory.tensor(bytes(60));
  const std::byte* const place = a.data();
  Tensor second = a;  // shares the memory
  a = {};
  EXPECT_NE(memory.tensor(bytes(60)).data(), place) << "it is still in use";
  memory.clear();
  second = {};
  EXPECT_NE(memory.tensor(bytes(61)).data(), place);
  EXPECT_EQ(memory.tensor(bytes(60)).data(), place);
}

TEST(BatchMemory, TensorsOutliveIt) {
  Tensor a;
  {
    BatchMemory memory(100);
    a = memory.tensor(bytes(60));
  }
  a.span<uint8_t>()[59] = 7;
  EXPECT_EQ(a.span<uint8_t>()[59], 7);
}

TEST(BatchMemory, KeepsNoMoreThanItMay) {
  BatchMemory memory(100);
  {
    const Tensor too_large = memory.tensor(bytes(101));
    const Tensor a = memory.tensor(bytes(60)), b = memory.tensor(bytes(70));
  }
  // Released in the order b, a, too_large: the largest frees the others, then itself.
  Tensor a = memory.tensor(bytes(60)), b = memory.tensor(bytes(40));
  const std::byte *const place_a = a.data(), *const place_b = b.data();
  a = b = {};
  EXPECT_EQ(memory.tensor(bytes(60)).data(), place_a);
  EXPECT_EQ(memory.tensor(bytes(40)).data(), place_b);
}

TEST(BatchMemory, LiesOnItsDevice) {
  const Device simt{.backend = Backend::simt};
  BatchMemory memory(100, simt);
  const BatchMemory copy = memory;
  EXPECT_EQ(copy.device(), simt);
  Tensor a = memory.tensor(bytes(60));
  EXPECT_EQ(a.device(), simt);
  const std::byte* const place = a.data();
  a = {};
  EXPECT_EQ(BatchMemory(copy).tensor(bytes(60)).data(), place) << "copies share what is kept";
}

}  // namespace
}  // namespace sf
