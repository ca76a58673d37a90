// The engine's own checkpoint format, described in docs/checkpoint-format.md.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "tensor/checkpoint.h"
#include "tensor/mapped_file.h"

namespace sf {

// Whether the bytes begin with the format's magic.
bool looks_like_sf(std::span<const std::byte> bytes);

// Tensors stay in the mapped file. Every byte is checked, by checksum or for being zero, so that
// any flipped bit throws, here or when its tensor is loaded.
StoredCheckpoint parse_sf(const std::shared_ptr<const MappedFile>& file);

// Replaces the file atomically (see AtomicFile).
void write_sf(const std::filesystem::path& path, const StoredCheckpoint& checkpoint);

}  // namespace sf
