#include "layers/detection_head.h"

#include <numeric>

#include "autograd/ops/concat.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/pool3d.h"
#include "autograd/ops/reshape.h"
#include "layers/head.h"

namespace sf {

DetectionHead::DetectionHead(Module& parent, std::string_view name, const Options& o)
    : Module(parent, name),
      options_(o),
      projection_(*this, "projection", std::accumulate(o.channels.begin(), o.channels.end(), 0),
                  o.classes, Init::normal(o.init_deviation)) {
  check_head_activation(o.activation);
}

Value DetectionHead::operator()(const std::vector<Value>& pathways, Value boxes) const {
  Graph& graph = boxes.graph();
  Graph::Scope scope(graph, name());
  std::vector<Value> pooled;
  for (size_t p = 0; p < pathways.size(); ++p) {
    Value x = pathways[p];
    if (!graph.training()) {
      Graph::Scope cut(graph, cat("pathway", p, "_roi"));
      pooled.push_back(box_features(x, boxes, options_.roi));
      continue;
    }
    {
      Graph::Scope pool(graph, cat("pathway", p, "_tpool"));
      x = avg_pool3d(x, {.kernel = {int(x.shape()[1]), 1, 1}});
    }
    {
      Graph::Scope cut(graph, cat("pathway", p, "_roi"));
      x = roi_align(x, boxes, options_.roi);
    }
    Graph::Scope pool(graph, cat("pathway", p, "_spool"));
    const int side = options_.roi.resolution;
    pooled.push_back(max_pool3d(x, {.kernel = {1, side, side}}));
  }
  Value features = pooled.size() == 1 ? pooled[0] : concat(pooled);
  if (graph.training()) {
    Graph::Scope drop(graph, "dropout");
    features = dropout(features, options_.dropout, random_state(graph));
  }
  const Value projected = projection_(features);
  {
    Graph::Scope logits(graph, "logits");
    graph.mark("logits", reshape(projected, {boxes.shape()[0], projected.shape().channels()}));
  }
  return head_activation(graph.value(graph.marks().at("logits")), options_.activation);
}

}  // namespace sf
