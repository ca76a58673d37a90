#include "apps/engine/stored_batch.h"

#include <algorithm>

namespace sf {

std::vector<Tensor> read_pathways(const Safetensors& file, const std::string& path,
                                  const Model& model) {
  std::vector<Tensor> pathways;
  for (const TensorType& wanted : model.inputs(1, 1)) {
    const std::string name = cat("input.", pathways.size());
    SF_CHECK(file.contains(name), path, ": wanted a tensor ", name, ", found none");
    const Tensor& found = file.at(name);
    const Shape& s = found.shape();
    SF_CHECK(s.rank() == 5 && s[0] > 0 && s[1] == wanted.shape[4] && s[2] == wanted.shape[1] &&
                 s[3] == s[4],
             path, ": ", name, ": wanted N x ", wanted.shape[4], " x ", wanted.shape[1],
             " x crop x crop, found ", s);
    pathways.push_back(channels_last_from_first(found).to(wanted.dtype));
    SF_CHECK(s[0] == pathways[0].shape()[0], path, ": ", name, " has ", s[0],
             " clips, input.0 has ", pathways[0].shape()[0]);
  }
  return pathways;
}

std::vector<std::vector<Tensor>> split_clips(const std::vector<Tensor>& pathways) {
  std::vector<std::vector<Tensor>> clips(size_t(pathways[0].shape()[0]));
  for (const Tensor& all : pathways) {
    const Shape& s = all.shape();
    for (size_t i = 0; i < clips.size(); ++i) {
      Tensor clip({{s[1], s[2], s[3], s[4]}, all.dtype()});
      const auto bytes = size_t(clip.type().bytes());
      std::copy_n(all.data() + i * bytes, bytes, clip.data());
      clips[i].push_back(clip);
    }
  }
  return clips;
}

}  // namespace sf
