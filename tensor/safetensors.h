// Safetensors files: an 8-byte little-endian header length, a JSON header, raw little-endian
// row-major data.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "tensor/mapped_file.h"
#include "tensor/stored_tensor.h"
#include "tensor/tensor.h"

namespace sf {

struct Safetensors {
  NamedTensors tensors;  // in the order of their data, shapes as the file gives them
  std::map<std::string, std::string> metadata;  // "__metadata__"

  // Throws if there is no tensor of that name.
  const Tensor& at(std::string_view name) const;
  bool contains(std::string_view name) const;
};

struct StoredSafetensors {
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
};

struct SafetensorsOptions {
  bool halves_as_f32 = false;  // reading: convert F16 and BF16 instead of keeping them
  // Tensors of 5 axes are N C T H W (O I T H W) in the file and channels-last in memory. They are
  // converted one at a time: reading and writing need no second copy of all.
  bool channels_first_in_file = false;
};

// Reads F64, F32, F16, BF16, I64, I32, U8 and BOOL (as u8); other types are refused. Large
// data on a multiple of 64 bytes that needs no conversion stays in the mapped file, other data is
// copied, so that every tensor is aligned like one of our own. Throws sf::Error, naming the file,
// unless the header is sound: at most 16 MiB, no name twice, at most 5 axes, and the data of the
// tensors fills the file without gaps or overlaps.
Safetensors read_safetensors(const std::filesystem::path& path, SafetensorsOptions options = {});
Safetensors parse_safetensors(const std::shared_ptr<const MappedFile>& file,
                              SafetensorsOptions options = {});
// The same without the tensors' data.
StoredSafetensors parse_stored_safetensors(const std::shared_ptr<const MappedFile>& file,
                                           SafetensorsOptions options = {});

// Whether the bytes begin like a safetensors file.
bool looks_like_safetensors(std::span<const std::byte> bytes);

// Replaces the file atomically (see AtomicFile). The header is padded so that the data begins on a
// multiple of 64 bytes. Throws if a name is empty, repeated, "__metadata__" or not UTF-8.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       SafetensorsOptions options = {});
void write_safetensors(const std::filesystem::path& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       SafetensorsOptions options = {});

}  // namespace sf
