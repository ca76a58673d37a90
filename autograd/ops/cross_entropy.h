// Cross-entropy of a softmax over logits.
#pragma once

#include "autograd/graph.h"

namespace sf {

struct CrossEntropyParams {
  double label_smoothing = 0;  // share of the label spread over all classes, 0 to 1
};

// logits: rows x classes; labels: i64 rows, rows with -100 count for nothing; class_weights:
// classes, or empty. The weighted mean over the rows, one element of the logits' type. NaN where a
// label is no class.
Value cross_entropy(Value logits, Value labels, const CrossEntropyParams& params = {},
                    Value class_weights = {});

// targets: like the logits, a distribution a row. The mean over the rows.
Value soft_cross_entropy(Value logits, Value targets);

}  // namespace sf
