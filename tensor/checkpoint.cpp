#include "tensor/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "tensor/caffe2_pickle.h"
#include "tensor/half.h"
#include "tensor/mapped_file.h"
#include "tensor/pickle.h"
#include "tensor/pytorch_legacy.h"
#include "tensor/pytorch_zip.h"
#include "tensor/safetensors.h"
#include "tensor/sf_file.h"

namespace sf {
namespace {

constexpr std::string_view kOptimizer = "optimizer/";
constexpr std::string_view kEpoch = "epoch";
constexpr SafetensorsOptions kLayout{.channels_first_in_file = true};

bool begins_with(std::span<const std::byte> bytes, std::string_view prefix) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
      .starts_with(prefix);
}

// Protocol 2 and later begin with their number, the others with an opcode that opens a container.
bool looks_like_pickle(std::span<const std::byte> bytes) {
  if (bytes.size() < 2) return false;
  if (bytes[0] == std::byte{0x80}) return bytes[1] <= std::byte{5};
  return begins_with(bytes, "(d") || begins_with(bytes, "(l") || begins_with(bytes, "}q") ||
         begins_with(bytes, "}(");
}

StoredCheckpoint from_safetensors(const StoredSafetensors& file) {
  StoredCheckpoint out;
  out.format = "safetensors";
  out.text = file.metadata;
  if (const auto epoch = out.text.find(std::string(kEpoch)); epoch != out.text.end()) {
    const std::string& digits = epoch->second;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc() && end == digits.data() + digits.size()) {
      out.epoch = value;
      out.text.erase(epoch);
    }
  }
  for (StoredTensor tensor : file.tensors) {
    const bool state = tensor.name.starts_with(kOptimizer);
    if (state) tensor.name.erase(0, kOptimizer.size());
    (state ? out.optimizer : out.tensors).push_back(std::move(tensor));
  }
  return out;
}

void save_safetensors(const std::filesystem::path& path, const StoredCheckpoint& checkpoint) {
  std::vector<StoredTensor> tensors = checkpoint.tensors;
  for (const StoredTensor& tensor : tensors)
    SF_CHECK(!tensor.name.starts_with(kOptimizer), path.string(), ": tensor ",
             printable(tensor.name),
             ": names that begin with optimizer/ are kept for the optimizer");
  for (StoredTensor tensor : checkpoint.optimizer) {
    tensor.name.insert(0, kOptimizer);
    tensors.push_back(std::move(tensor));
  }
  auto metadata = checkpoint.text;
  if (checkpoint.epoch) metadata[std::string(kEpoch)] = std::to_string(*checkpoint.epoch);
  write_safetensors(path, tensors, metadata, kLayout);
}

StoredCheckpoint parse(const std::shared_ptr<const MappedFile>& file) {
  const auto bytes = file->bytes();
  if (looks_like_sf(bytes)) return parse_sf(file);
  if (begins_with(bytes, "PK\3\4")) return parse_pytorch_zip(file);
  if (looks_like_safetensors(bytes))
    return from_safetensors(parse_stored_safetensors(file, kLayout));
  if (looks_like_pickle(bytes)) {
    file->expect_jumps();
    const auto pickle = std::make_shared<const Pickle>(Pickle::parse(bytes));
    if (is_legacy_magic(pickle->root())) return parse_pytorch_legacy(file);
    return checkpoint_from_caffe2(pickle, file);
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  throw Error(
      cat("wanted an .sf, safetensors, PyTorch or Caffe2 checkpoint, found ",
          bytes.empty() ? "an empty file" : "a file that begins with '",
          bytes.empty() ? "" : printable({text, std::min<size_t>(bytes.size(), 16)}) + "'"));
}

}  // namespace

StoredCheckpoint open_checkpoint(const std::filesystem::path& path) {
  StoredCheckpoint checkpoint = naming_file(path, [&] { return parse(MappedFile::open(path)); });
  for (auto* tensors : {&checkpoint.tensors, &checkpoint.optimizer})
    for (StoredTensor& tensor : *tensors)
      tensor.load = [path, load = std::move(tensor.load)] { return naming_file(path, load); };
  return checkpoint;
}

Checkpoint load_checkpoint(const std::filesystem::path& path, LoadOptions options) {
  StoredCheckpoint file = open_checkpoint(path);
  Checkpoint checkpoint{.format = std::move(file.format),
                        .tensors = load(file.tensors),
                        .optimizer = load(file.optimizer),
                        .epoch = file.epoch,
                        .text = std::move(file.text)};
  if (options.halves_as_f32)
    for (NamedTensors* tensors : {&checkpoint.tensors, &checkpoint.optimizer})
      for (auto& [name, tensor] : *tensors) tensor = f32_from_half(tensor);
  return checkpoint;
}

void save_stored_checkpoint(const std::filesystem::path& path, const StoredCheckpoint& checkpoint) {
  if (path.extension() == ".sf") return write_sf(path, checkpoint);
  if (path.extension() == ".safetensors") return save_safetensors(path, checkpoint);
  throw Error(cat(path.string(), ": wanted a name that ends in .sf or .safetensors"));
}

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  save_stored_checkpoint(path, {.format = {},
                                .tensors = stored(checkpoint.tensors),
                                .optimizer = stored(checkpoint.optimizer),
                                .epoch = checkpoint.epoch,
                                .text = checkpoint.text});
}

}  // namespace sf
