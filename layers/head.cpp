#include "layers/head.h"

#include <numeric>

#include "autograd/ops/adaptive_pool3d.h"
#include "autograd/ops/concat.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/pointwise.h"
#include "autograd/ops/pool3d.h"
#include "autograd/ops/reshape.h"
#include "autograd/ops/softmax.h"

namespace sf {
namespace {

Value mean_over_positions(Value x) {
  Graph::Scope scope(x.graph(), "mean");
  return reshape(adaptive_avg_pool3d(x, {1, 1, 1}), {x.shape()[0], x.shape().channels()});
}

}  // namespace

void check_head_activation(const std::string& activation) {
  SF_CHECK(activation == "softmax" || activation == "sigmoid" || activation == "none",
           "MODEL.HEAD_ACT: wanted softmax, sigmoid or none, found '", activation, "'");
}

Value head_activation(Value x, const std::string& activation) {
  Graph::Scope scope(x.graph(), "act");
  if (activation == "softmax") return softmax(x);
  if (activation == "sigmoid") return sigmoid(x);
  return x;
}

ClassificationHead::ClassificationHead(Module& parent, std::string_view name, const Options& o)
    : Module(parent, name),
      options_(o),
      projection_(*this, "projection", std::accumulate(o.channels.begin(), o.channels.end(), 0),
                  o.classes, Init::normal(o.init_deviation)) {
  check_head_activation(o.activation);
}

Value ClassificationHead::operator()(const std::vector<Value>& pathways) const {
  Graph& graph = pathways[0].graph();
  Graph::Scope scope(graph, name());
  std::vector<Value> pooled;
  for (size_t p = 0; p < pathways.size(); ++p) {
    Graph::Scope pool(graph, cat("pathway", p, "_avgpool"));
    const Shape& s = pathways[p].shape();
    const auto& window = options_.pool[p];
    if (window == std::array{0, 0, 0}) {
      pooled.push_back(adaptive_avg_pool3d(pathways[p], {1, 1, 1}));
      continue;
    }
    SF_CHECK(s[1] >= window[0] && s[2] >= window[1] && s[3] >= window[2], "head: pathway ", p,
             " ends in ", s[1], "x", s[2], "x", s[3],
             " positions, fewer than the pooling window of ", window[0], "x", window[1], "x",
             window[2], "; is DATA.TEST_CROP_SIZE smaller than DATA.TRAIN_CROP_SIZE?");
    pooled.push_back(avg_pool3d(pathways[p], {.kernel = window}));
  }
  Value features = pooled.size() == 1 ? pooled[0] : concat(pooled);
  if (graph.training()) {
    Graph::Scope drop(graph, "dropout");
    features = dropout(features, options_.dropout, random_state(graph));
  }
  const Value projected = projection_(features);
  {
    Graph::Scope logits(graph, "logits");
    graph.mark("logits", mean_over_positions(projected));
  }
  if (graph.training()) return graph.value(graph.marks().at("logits"));
  return mean_over_positions(head_activation(projected, options_.activation));
}

}  // namespace sf
