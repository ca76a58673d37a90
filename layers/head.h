// The classification head of the ResNet and SlowFast networks.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "layers/conv.h"

namespace sf {

// MODEL.HEAD_ACT over the classes: softmax, sigmoid or none.
void check_head_activation(const std::string& activation);
Value head_activation(Value x, const std::string& activation);

class ClassificationHead : public Module {
 public:
  struct Options {
    std::vector<int> channels;  // of each pathway
    // T H W, average pooling window of each pathway; 0 0 0: the whole of what comes.
    std::vector<std::array<int, 3>> pool;
    int classes = 0;
    std::string activation = "softmax";  // or sigmoid, none
    double dropout = 0;                  // share of the pooled features dropped in training
    double init_deviation = 0.01;
  };
  // Parameters: projection.
  ClassificationHead(Module& parent, std::string_view name, const Options& options);

  // Scores N x classes: pooled with stride 1, projected, activated, and the mean over the positions
  // that remain when the input is larger than the pooling window. Marks "logits": N x classes, the
  // mean of the projections. In training what it returns are the logits.
  Value operator()(const std::vector<Value>& pathways) const;

 private:
  Options options_;
  Linear projection_;
};

}  // namespace sf
