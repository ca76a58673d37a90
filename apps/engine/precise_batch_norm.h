// Running statistics of batch norm, measured anew with weights that stay (precise BN,
// arXiv:2105.07576).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "apps/engine/training_ranks.h"
#include "autograd/plan/plan.h"
#include "models/model.h"

namespace sf {

// Runs the network in training on up to `batches` batches without learning and sets every running
// mean and variance to those of all these batches: the mean over batches, weighted with their
// clips, of the means and of the mean squares.
//
// ranks: that share batches out; all call it together and get the same. Each normalises its part of
// a batch as in training: with synchronised batch norm the result is that of one rank.
//
// next: the pathways of a batch (N T H W C of the model's type or f32), empty at the end. Throws
// if there is not one batch.
void measure_batch_norm(const Model& model, int64_t batches, const PlanOptions& options,
                        const TrainingRanks& ranks,
                        const std::function<std::optional<std::vector<Tensor>>()>& next);

}  // namespace sf
