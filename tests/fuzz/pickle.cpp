// Pickles, and what is made of them: PyTorch's objects and stream, Caffe2's blobs.
#include "tensor/pickle.h"

#include <vector>

#include "tensor/caffe2_pickle.h"
#include "tensor/pickle_objects.h"
#include "tensor/pytorch_legacy.h"
#include "tensor/pytorch_objects.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

// As if the file beside the pickle had every storage, up to a size.
TorchStorages any_storages() {
  static const std::vector<std::byte> bytes(1 << 16);
  return {.bytes = [](const TorchStorage& storage) {
    SF_CHECK(storage.bytes() <= bytes.size(), "wanted a smaller storage");
    return std::span(bytes).first(storage.bytes());
  }};
}

}  // namespace
}  // namespace sf::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const MemoryFile memory(std::as_bytes(std::span(data, size)));
  const auto file = memory.mapped();
  attempt([&] {
    const Pickle pickle = Pickle::parse(file->bytes());
    CopyBudget budget(size);
    attempt([&] { PlainValues(budget).text(pickle.root()); });
    attempt([&] { touch(checkpoint_from_torch(pickle.root(), any_storages(), size)); });
    attempt([&] { touch(checkpoint_from_caffe2(pickle.root(), *file)); });
  });
  attempt([&] { touch(parse_pytorch_legacy(file)); });
  return 0;
}
