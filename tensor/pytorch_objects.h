// What PyTorch checkpoints hold, whichever container they come in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/checkpoint.h"
#include "tensor/pickle.h"

namespace sf {

// A storage as a pickle refers to it: ('storage', torch.FloatStorage, key, location, number of
// elements).
struct TorchStorage {
  std::string_view key;
  DType dtype = DType::f32;
  int64_t elements = 0;
  uint64_t bytes() const { return uint64_t(elements) * size_of(dtype); }
};

// Throws sf::Error if the value refers to something else or to elements of a type the engine does
// not have.
TorchStorage torch_storage(const PickleValue& persistent);

// What a file holds: its pickle, and the bytes of a storage until those of another are wanted;
// throws if they are not there.
struct TorchFile {
  std::vector<std::byte> unpacked = {};  // the pickle's text, if it is not in the file as it is
  Pickle pickle;
  std::function<std::span<const std::byte>(const TorchStorage&)> bytes;
  bool big_endian = false;
  uint64_t file_bytes = 0;
};

// Checkpoints of PySlowFast (model_state, optimizer_state, epoch, cfg), files with the tensors
// under state_dict or model, and plain dicts of tensors. "module." before every name, left by
// data-parallel training, is dropped. Other entries become text. Tensors come channels-last.
StoredCheckpoint checkpoint_from_torch(const std::shared_ptr<const TorchFile>& file);

}  // namespace sf
