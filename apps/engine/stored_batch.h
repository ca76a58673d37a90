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

// What TrainStep::run() takes: the pathways and, where the model detects, `boxes` (f32 K x 5, as
// Model::boxes() has them, in the order of the clips) of the model's type. Throws as above.
std::vector<Tensor> read_inputs(const Safetensors& file, const std::string& path,
                                const Model& model);

// The same memory as clips: [clip][pathway] of T H W C.
std::vector<std::vector<Tensor>> split_clips(const std::vector<Tensor>& pathways);
// Puts the corners of each clip's boxes, K x 4, behind its pathways; rows of clip -1 are no boxes.
void add_boxes(std::vector<std::vector<Tensor>>& clips, const Tensor& boxes);

// What Inference::run() takes of a file, with boxes where the model detects.
std::vector<std::vector<Tensor>> read_clips(const Safetensors& file, const std::string& path,
                                            const Model& model);

}  // namespace sf
