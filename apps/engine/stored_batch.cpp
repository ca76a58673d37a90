#include "apps/engine/stored_batch.h"

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
    for (size_t i = 0; i < clips.size(); ++i) clips[i].push_back(all.row(int64_t(i)));
  }
  return clips;
}

}  // namespace sf
