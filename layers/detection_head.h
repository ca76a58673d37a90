// The head of the networks that classify boxes, of people, in clips.
#pragma once

#include <string>
#include <vector>

#include "autograd/ops/roi_align.h"
#include "layers/conv.h"

namespace sf {

class DetectionHead : public Module {
 public:
  struct Options {
    std::vector<int> channels;  // of each pathway
    RoiAlignParams roi;         // how boxes are cut from what comes
    int classes = 0;
    std::string activation = "sigmoid";  // or softmax, none
    double dropout = 0;                  // share of a box's features dropped in training
    double init_deviation = 0.01;
  };
  // Parameters: projection.
  DetectionHead(Module& parent, std::string_view name, const Options& options);

  // Scores K x classes of boxes K 5, as roi_align() takes them: of each pathway the mean over time,
  // cut out, and its largest values; together projected and activated, in training too. Marks
  // "logits": K x classes, the projections.
  Value operator()(const std::vector<Value>& pathways, Value boxes) const;

 private:
  Options options_;
  Linear projection_;
};

}  // namespace sf
