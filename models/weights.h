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
  std::vector<std::string> missing;  // in the model only: keep their initial values
  std::vector<std::string> unused;   // in the checkpoint only
  std::vector<Mismatch> mismatched;  // in both, with other shapes: keep their initial values
  // One line a tensor that was not loaded or not used, then a summary; what a log wants.
  std::vector<std::string> lines() const;
};

// Copies every tensor whose name and shape match. Tensors are in the engine's layout; numbers are
// converted to the model's element type. Counters such as num_batches_tracked are passed over in
// silence.
LoadReport load_weights(const Model& model, const NamedTensors& tensors);

}  // namespace sf
