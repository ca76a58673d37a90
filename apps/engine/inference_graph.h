// A network as it runs on clips: rewritten, not planned yet.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/graph.h"
#include "models/model.h"

namespace sf {

struct InferenceGraphOptions {
  std::optional<DType> half = {};  // the type activations and weights are stored in, if a half one
  bool keep_stages = false;        // keep the activations behind each stage
  int64_t box_room = 8;            // boxes of a clip, of a network that detects
};

// On batches of one size. The model's weights are its states; the model must outlive it.
class InferenceGraph {
 public:
  InferenceGraph(const Model& model, int64_t batch, ClipSize size,
                 const InferenceGraphOptions& options = {});

  Graph& graph() const { return *graph_; }
  // By pathway; of a network that detects the boxes of the batch come last.
  const std::vector<Value>& inputs() const { return inputs_; }
  Value scores() const { return scores_; }
  Value logits() const { return logits_; }
  // "act.s2.0" and so on; with keep_stages.
  const std::vector<std::pair<std::string, Value>>& stages() const { return stages_; }
  // All that a run gives.
  std::vector<Value> outputs() const;

 private:
  std::unique_ptr<Graph> graph_;
  std::vector<Value> inputs_;
  Value scores_, logits_;
  std::vector<std::pair<std::string, Value>> stages_;
};

}  // namespace sf
