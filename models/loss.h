// The loss that a configuration asks for.
#pragma once

#include "autograd/graph.h"
#include "configs/config.h"

namespace sf {

// What the loss compares N x classes logits with: i64 N, the class of each clip; or, where `soft`
// or the loss is a binary cross-entropy, a share of each class, N x classes like the logits.
TensorType target_type(const Config& config, const TensorType& logits, bool soft);

// MODEL.LOSS_FUNC with SF.LABEL_SMOOTHING and SF.CLASS_WEIGHTS, a mean over the batch: one value of
// the logits' type. `bce` is taken of the logits' sigmoid, in a form that does not overflow.
// With DETECTION.ENABLE the head has activated already what comes as logits, and the mean is over
// the first rows_used (one i64) of its boxes: `bce` of probabilities or, as the original has it,
// `bce_logit` of them as if they were logits. Targets of the logits' type turn cross_entropy into
// soft_cross_entropy. Throws for losses that are not built in.
Value training_loss(const Config& config, Value logits, Value targets, Value rows_used = {});

}  // namespace sf
