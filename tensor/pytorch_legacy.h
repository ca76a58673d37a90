// The stream of pickles and storages that torch.save wrote before version 1.6.
#pragma once

#include <memory>

#include "tensor/checkpoint.h"
#include "tensor/mapped_file.h"
#include "tensor/pickle.h"

namespace sf {

// Whether the first pickle of a file is the stream's magic number.
bool is_legacy_magic(const PickleValue& value);

// Throws sf::Error, naming the storage or the tensor.
StoredCheckpoint parse_pytorch_legacy(const std::shared_ptr<const MappedFile>& file);

}  // namespace sf
