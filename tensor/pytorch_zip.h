// The zip archives that torch.save writes.
#pragma once

#include <memory>

#include "tensor/checkpoint.h"
#include "tensor/mapped_file.h"

namespace sf {

// Reads NAME/data.pkl, the storages NAME/data/KEY and NAME/byteorder. Refuses encrypted entries,
// entries twice, and archives whose entries claim more than 16 times the file's size. Throws
// sf::Error, naming the entry or the tensor.
StoredCheckpoint parse_pytorch_zip(const std::shared_ptr<const MappedFile>& file);

}  // namespace sf
