// Checkpoints of every format the engine reads, as one type.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tensor/stored_tensor.h"
#include "tensor/tensor.h"

namespace sf {

// What a checkpoint holds. Tensors are in the engine's layout: those with 5 axes are channels-last
// (O T H W I), whatever the file's own order; others are as in the file. Names are those of
// PySlowFast's state_dict.
template <class Tensors>
struct CheckpointOf {
  std::string format;  // as found, for people: "sf 1.0", "PyTorch zip"
  Tensors tensors;     // parameters and buffers, distinct names, in the order of the file
  // State of the optimizer. From our own files, the names that were saved. From PyTorch,
  // "INDEX.KIND", for example "0.momentum_buffer": INDEX counts the parameters of all parameter
  // groups in order, and text["param_groups"] holds the groups as JSON, each with the first and
  // last index plus one of its parameters as "begin" and "end".
  Tensors optimizer;
  std::optional<int64_t> epoch;  // index of the last finished epoch, from 0
  std::map<std::string, std::string>
      text;  // "config": the configuration as YAML; other entries are free
};

using Checkpoint = CheckpointOf<NamedTensors>;
// Its tensors are still in the file, each of which is read when it is wanted.
using StoredCheckpoint = CheckpointOf<std::vector<StoredTensor>>;

struct LoadOptions {
  bool halves_as_f32 = false;  // convert f16 and bf16 tensors instead of keeping them
};

// Reads .sf files, safetensors, PyTorch files (zip and the older stream) and Caffe2 model-zoo
// pickles, told apart by their content, never by their name. Nothing in a file is executed. Throws
// sf::Error, one line that begins with the path and names the tensor where there is one.
Checkpoint load_checkpoint(const std::filesystem::path& path, LoadOptions options = {});
// The same without the tensors' data: what is wrong with one is thrown when it is loaded.
StoredCheckpoint open_checkpoint(const std::filesystem::path& path);

// Replaces the file atomically (see AtomicFile), as .sf or .safetensors by the ending of its name;
// `format` is not stored. Safetensors are written in PyTorch's order (O I T H W), optimizer tensors
// with "optimizer/" before their names, the epoch and the text as metadata. Throws for other
// endings and for names or text that cannot be read back.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
// The same for what is in another file, one tensor at a time.
void save_stored_checkpoint(const std::filesystem::path& path, const StoredCheckpoint& checkpoint);

}  // namespace sf
