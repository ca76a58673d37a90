// Clips stored as tensors: the input of `sf infer` and `sf step`.
#pragma once

#include <string>
#include <vector>

#include "models/model.h"
#include "tensor/safetensors.h"

namespace sf {

// input.0, input.1 .. (N C T H W), one a pathway, as N T H W C of the model's type. Throws with the
// path, which stands in messages alone, if one is missing or does not fit the model.
std::vector<Tensor> read_pathways(const Safetensors& file, const std::string& path,
                                  const Model& model);

// The same memory as clips: [clip][pathway] of T H W C.
std::vector<std::vector<Tensor>> split_clips(const std::vector<Tensor>& pathways);

}  // namespace sf
