// Networks and clips of counter-based values, and results that are the same to the bit.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "apps/engine/inference.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {

inline std::unique_ptr<Model> counter_model(const Config& config) {
  auto model = make_model(config, DType::f32);
  fill_counter_weights(*model);
  return model;
}

// A batch, a tensor a pathway; another name gives other values.
inline std::vector<Tensor> counter_batch(const Model& model, int64_t clips, int64_t crop,
                                         const std::string& name = "") {
  std::vector<Tensor> pathways;
  for (const TensorType& type : model.inputs(clips, crop))
    pathways.push_back(Tensor::from(
        counter_uniform(cat("clip", pathways.size(), ".", name), type.shape.numel(), -2, 2),
        type.shape));
  return pathways;
}

// So many different clips.
inline std::vector<std::vector<Tensor>> counter_clips(const Model& model, int clips, int64_t crop) {
  std::vector<std::vector<Tensor>> all;
  for (int i = 0; i < clips; ++i) all.push_back(counter_batch(model, 1, crop, cat(i)));
  return all;
}

inline void expect_equal_bits(const Inference::Result& found, const Inference::Result& wanted) {
  for (const auto& [a, b] :
       {std::pair(found.scores, wanted.scores), {found.logits, wanted.logits}}) {
    ASSERT_EQ(a.type(), b.type());
    EXPECT_EQ(std::memcmp(a.data(), b.data(), size_t(a.type().bytes())), 0);
  }
}

}  // namespace sf
