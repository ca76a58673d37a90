#include "models/loss.h"

#include <string>
#include <vector>

#include "autograd/ops/binary_cross_entropy.h"
#include "autograd/ops/cross_entropy.h"

namespace sf {
namespace {

bool is_binary(const std::string& loss) { return loss == "bce" || loss == "bce_logit"; }

Value class_weights(const Config& config, Value logits) {
  const auto weights = config.get<std::vector<double>>("SF.CLASS_WEIGHTS");
  if (weights.empty()) return {};
  const int64_t classes = logits.shape().channels();
  SF_CHECK(int64_t(weights.size()) == classes, "SF.CLASS_WEIGHTS: wanted one for each of ", classes,
           " classes, found ", weights.size());
  const Tensor tensor = Tensor::from(weights, {classes}).to(logits.type().dtype);
  return logits.graph().state(tensor, "class_weights", false);
}

}  // namespace

TensorType target_type(const Config& config, const TensorType& logits, bool soft) {
  if (soft || is_binary(config.get<std::string>("MODEL.LOSS_FUNC"))) return logits;
  return {{logits.shape[0]}, DType::i64};
}

Value training_loss(const Config& config, Value logits, Value targets, Value rows_used) {
  const auto loss = config.get<std::string>("MODEL.LOSS_FUNC");
  Graph::Scope scope(logits.graph(), "loss");
  if (config.get<bool>("DETECTION.ENABLE")) {
    SF_CHECK(is_binary(loss), "MODEL.LOSS_FUNC: DETECTION.ENABLE wanted bce or bce_logit, found '",
             loss, "'");
    return binary_cross_entropy(logits, targets, loss == "bce_logit", rows_used);
  }
  if (is_binary(loss)) return binary_cross_entropy(logits, targets, true);
  SF_CHECK(loss == "cross_entropy" || loss == "soft_cross_entropy",
           "MODEL.LOSS_FUNC: wanted cross_entropy, soft_cross_entropy, bce or bce_logit, found '",
           loss, "', which is not built in");
  if (targets.type() == logits.type()) return soft_cross_entropy(logits, targets);
  SF_CHECK(
      loss == "cross_entropy",
      "MODEL.LOSS_FUNC: soft_cross_entropy wanted the shares of classes, as MIXUP.ENABLE makes "
      "them, found labels");
  return cross_entropy(logits, targets,
                       {.label_smoothing = config.get<double>("SF.LABEL_SMOOTHING")},
                       class_weights(config, logits));
}

}  // namespace sf
