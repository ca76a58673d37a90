// Weights of a model: made by counter, or taken from a checkpoint.
#pragma once

#include <string>
#include <vector>

#include "models/model.h"

namespace sf {

// Fills every parameter and buffer with values that depend on its name and shape alone, the same in
// every language: uniform in a range that keeps activations in bounds. For tests against other
// implementations.
void fill_counter_weights(const Model& model);

// The same generator for any name: `n` values of CounterRng(name).uniform(i, lo, hi).
std::vector<float> counter_uniform(const std::string& name, int64_t n, float lo, float hi);

// What became of the tensors of a checkpoint.
struct LoadReport {
  struct Mismatch {
    std::string name;
    Shape wanted, found;
  };
  std::vector<std::string> loaded;
  std::vector<Mismatch> inflated;    // loaded, spread over time
  std::vector<std::string> missing;  // in the model only: keep their initial values
  std::vector<std::string> unused;   // in the checkpoint only
  std::vector<Mismatch> mismatched;  // in both, with other shapes: keep their initial values
  // One line a tensor that was not loaded or not used, then a summary; what a log wants.
  std::vector<std::string> lines() const;
};

struct LoadRules {
  // A tensor O I H W where the model wants O T H W I is spread over time: each of the T slices gets
  // 1 / T of it, so that a clip of equal frames gives what the picture gave (arXiv:1705.07750).
  bool inflate = false;
  // From each name that has it, the first occurrence of the pattern is removed, pattern after
  // pattern.
  std::vector<std::string> clear_name_patterns = {};
};

// Copies every tensor whose name and shape match. Tensors are in the engine's layout; numbers are
// converted to the model's element type. A matrix fits a 1x1x1 convolution of the same extents.
// Names of torchvision's ResNets are understood. Counters such as num_batches_tracked are passed
// over in silence. Where the running statistics of batch norm splits are missing or of other
// splits, all start with those of the whole batch norm.
LoadReport load_weights(const Model& model, const NamedTensors& tensors,
                        const LoadRules& rules = {});

}  // namespace sf
