#include "apps/engine/stored_batch.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sf {
namespace {

constexpr int64_t kBoxValues = 5;

Tensor read_boxes(const Safetensors& file, const std::string& path, const Model& model,
                  int64_t clips) {
  SF_CHECK(file.contains("boxes"), path, ": wanted a tensor boxes, found none");
  const Tensor& found = file.at("boxes");
  const Shape& s = found.shape();
  SF_CHECK(s.rank() == 2 && s[1] == kBoxValues && found.dtype() == DType::f32, path,
           ": boxes: wanted f32 K x 5, found ", found.type());
  float last = 0;
  for (int64_t k = 0; k < s[0]; ++k) {
    const float clip = found.span<float>()[size_t(k * kBoxValues)];
    SF_CHECK(clip >= last && clip < float(clips) && clip == std::floor(clip), path,
             ": boxes: wanted ascending clips below ", clips, ", found ", clip, " in row ", k);
    last = clip;
  }
  return found.to(model.dtype());
}

}  // namespace

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

std::vector<Tensor> read_inputs(const Safetensors& file, const std::string& path,
                                const Model& model) {
  auto inputs = read_pathways(file, path, model);
  if (model.detects()) inputs.push_back(read_boxes(file, path, model, inputs[0].shape()[0]));
  return inputs;
}

void add_boxes(std::vector<std::vector<Tensor>>& clips, const Tensor& boxes) {
  const Tensor rows = boxes.to(DType::f64);
  std::vector<std::vector<double>> corners(clips.size());
  for (auto row = rows.span<double>(); !row.empty(); row = row.subspan(kBoxValues)) {
    if (row[0] < 0) continue;
    auto& of_clip = corners.at(size_t(row[0]));
    of_clip.insert(of_clip.end(), row.begin() + 1, row.begin() + kBoxValues);
  }
  for (size_t i = 0; i < clips.size(); ++i)
    clips[i].push_back(
        Tensor::from(corners[i], {int64_t(corners[i].size() / 4), 4}).to(boxes.dtype()));
}

std::vector<std::vector<Tensor>> read_clips(const Safetensors& file, const std::string& path,
                                            const Model& model) {
  auto inputs = read_inputs(file, path, model);
  if (!model.detects()) return split_clips(inputs);
  const Tensor boxes = std::move(inputs.back());
  inputs.pop_back();
  auto clips = split_clips(inputs);
  add_boxes(clips, boxes);
  return clips;
}

std::vector<std::vector<Tensor>> split_clips(const std::vector<Tensor>& pathways) {
  std::vector<std::vector<Tensor>> clips(size_t(pathways[0].shape()[0]));
  for (const Tensor& all : pathways) {
    for (size_t i = 0; i < clips.size(); ++i) clips[i].push_back(all.row(int64_t(i)));
  }
  return clips;
}

}  // namespace sf
