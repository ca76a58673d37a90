#include "apps/engine/inference_graph.h"

#include <map>

#include "autograd/rewrite/rewrite.h"

namespace sf {

InferenceGraph::InferenceGraph(const Model& model, int64_t batch, ClipSize size,
                               const InferenceGraphOptions& options) {
  Graph built;
  const auto clips = model_inputs(built, model, batch, size, batch * options.box_room);
  const Value out = model.forward(clips);
  const Value mean = built.value(built.marks().at("logits"));
  Rewritten rewritten =
      rewrite_for_inference(built, std::vector{out.id(), mean.id()}, options.keep_stages);
  if (options.half) {
    std::vector<int> kept{rewritten[out].id(), rewritten[mean].id()};
    if (options.keep_stages)
      for (const auto& [name, value] : rewritten.graph->marks()) kept.push_back(value);
    Rewritten halved = mixed_precision(*rewritten.graph, kept, *options.half);
    rewritten = std::move(rewritten).then(std::move(halved));
  }
  for (Value clip : clips) inputs_.push_back(rewritten[clip]);
  scores_ = rewritten[out];
  logits_ = rewritten[mean];
  graph_ = std::move(rewritten.graph);
  if (!options.keep_stages) return;
  for (const auto& [name, value] : graph_->marks())
    if (name.starts_with("act.")) stages_.emplace_back(name, graph_->value(value));
}

std::vector<Value> InferenceGraph::outputs() const {
  std::vector<Value> all{scores_, logits_};
  for (const auto& [name, value] : stages_) all.push_back(value);
  return all;
}

}  // namespace sf
