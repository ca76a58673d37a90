#include "tensor/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <string_view>

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

Checkpoint from_safetensors(const Safetensors& file) {
  Checkpoint out;
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
  for (const auto& [name, tensor] : file.tensors) {
    const bool state = name.starts_with(kOptimizer);
    auto& group = state ? out.optimizer : out.tensors;
    group.emplace_back(state ? name.substr(kOptimizer.size()) : name, tensor);
  }
  return out;
}

void save_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  NamedTensors tensors;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    SF_CHECK(!name.starts_with(kOptimizer), path.string(), ": tensor ", printable(name),
             ": names that begin with optimizer/ are kept for the optimizer");
    tensors.emplace_back(name, tensor);
  }
  for (const auto& [name, tensor] : checkpoint.optimizer)
    tensors.emplace_back(cat(kOptimizer, name), tensor);
  auto metadata = checkpoint.text;
  if (checkpoint.epoch) metadata[std::string(kEpoch)] = std::to_string(*checkpoint.epoch);
  write_safetensors(path, tensors, metadata, kLayout);
}

Checkpoint parse(const std::shared_ptr<const MappedFile>& file) {
  const auto bytes = file->bytes();
  if (looks_like_sf(bytes)) return parse_sf(file);
  if (begins_with(bytes, "PK\3\4")) return parse_pytorch_zip(file);
  if (looks_like_safetensors(bytes)) return from_safetensors(parse_safetensors(file, kLayout));
  if (looks_like_pickle(bytes)) {
    const Pickle pickle = Pickle::parse(bytes);
    if (is_legacy_magic(pickle.root())) return parse_pytorch_legacy(file);
    return checkpoint_from_caffe2(pickle.root(), *file);
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  throw Error(
      cat("wanted an .sf, safetensors, PyTorch or Caffe2 checkpoint, found ",
          bytes.empty() ? "an empty file" : "a file that begins with '",
          bytes.empty() ? "" : printable({text, std::min<size_t>(bytes.size(), 16)}) + "'"));
}

}  // namespace

Checkpoint load_checkpoint(const std::filesystem::path& path, LoadOptions options) {
  return naming_file(path, [&] {
    Checkpoint checkpoint = parse(MappedFile::open(path));
    if (options.halves_as_f32)
      for (NamedTensors* tensors : {&checkpoint.tensors, &checkpoint.optimizer})
        for (auto& [name, tensor] : *tensors) tensor = f32_from_half(tensor);
    return checkpoint;
  });
}

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  if (path.extension() == ".sf") return write_sf(path, checkpoint);
  if (path.extension() == ".safetensors") return save_safetensors(path, checkpoint);
  throw Error(cat(path.string(), ": wanted a name that ends in .sf or .safetensors"));
}

}  // namespace sf
