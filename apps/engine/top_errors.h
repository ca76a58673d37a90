// How often a network is wrong.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace sf {

// In percent.
struct TopErrors {
  double top1 = 0, top5 = 0;
};

// Clips whose label is not among the best 1 and the best 5 scores.
struct TopMisses {
  int64_t clips = 0;  // in all
  int64_t top1 = 0, top5 = 0;

  TopErrors errors() const;
};

// Of N x classes scores (f32 or f64). With fewer than 5 classes no label can miss the best 5.
TopMisses top_misses(const Tensor& scores, std::span<const int64_t> labels);

}  // namespace sf
