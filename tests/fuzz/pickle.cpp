// Pickles, and what is made of them: PyTorch's objects and stream, Caffe2's blobs.
#include "tensor/pickle.h"

#include <memory>
#include <utility>
#include <vector>

#include "tensor/caffe2_pickle.h"
#include "tensor/pickle_objects.h"
#include "tensor/pytorch_legacy.h"
#include "tensor/pytorch_objects.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

// As if the file beside the pickle had every storage, up to a size.
std::shared_ptr<const TorchFile> with_any_storages(Pickle pickle, size_t size) {
  static const std::vector<std::byte> bytes(1 << 16);
  const auto file = std::make_shared<TorchFile>();
  file->pickle = std::move(pickle);
  file->file_bytes = size;
  file->bytes = [](const TorchStorage& storage) {
    SF_CHECK(storage.bytes() <= bytes.size(), "wanted a smaller storage");
    return std::span(bytes).first(storage.bytes());
  };
  return file;
}

}  // namespace
}  // namespace sf::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const MemoryFile memory(std::as_bytes(std::span(data, size)));
  const auto file = memory.mapped();
  attempt([&] {
    const auto pickle = std::make_shared<const Pickle>(Pickle::parse(file->bytes()));
    CopyBudget budget(size);
    attempt([&] { PlainValues(budget).text(pickle->root()); });
    attempt([&] { touch(checkpoint_from_caffe2(pickle, file)); });
    attempt([&] {
      touch(checkpoint_from_torch(with_any_storages(Pickle::parse(file->bytes()), size)));
    });
  });
  attempt([&] { touch(parse_pytorch_legacy(file)); });
  return 0;
}
