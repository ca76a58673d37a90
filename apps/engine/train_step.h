// One step of training, planned.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "apps/engine/training_graph.h"
#include "autograd/plan/plan.h"

namespace sf {

// A batch whose loss or gradients are not finite. The parameters are what they were before it.
class NotFiniteLoss : public Error {
 public:
  // Where the first value that is not finite comes from.
  struct Origin {
    std::string layer;
    int rank = 0;
    int64_t clip = 0;  // of the rank's part of the batch
  };
  // part: the clips that each rank has of the batch.
  NotFiniteLoss(const Origin& origin, int64_t part, double loss)
      : Error(cat("training: wanted a finite loss and finite gradients, found a loss of ", loss,
                  "; the first value that is not finite comes from ", origin.layer, ", clip ",
                  origin.rank * part + origin.clip, " of the batch")),
        origin(origin) {}
  const Origin origin;
};

// The parameters, the running statistics and the optimiser's state are changed in place. One thread
// at a time.
class TrainStep {
 public:
  // Throws if the plan needs more than the memory limit, with the bytes and the keys to lower. The
  // model and the optimiser must outlive the object.
  TrainStep(const Model& model, const Optimizer& optimizer, const Config& config,
            const TrainStepOptions& options);
  ~TrainStep();

  struct Result {
    double loss = 0;  // of the batch of all ranks
    // Before clipping; 0 for a batch whose gradients are only added up.
    double gradient_norm = 0;
    bool skipped = false;  // the scaled gradients overflowed: parameters and optimiser stay
    Tensor logits;  // N x classes, of this rank's clips; of a network that detects, activated
  };
  // pathways: N T H W C each, of the model's type or f32; targets: as target_type says, f32 or the
  // model's type where they are shares. iteration: the key of the draws of dropout; another for
  // every batch. The optimiser's learning rate and step are those set in it; with accumulation it
  // moves in every accumulate-th run. Throws NotFiniteLoss.
  // All ranks run together, each with its part of the batch; all parts have as many clips. Then
  // every rank has the same loss and norm, throws the same, and changes its parameters alike. On
  // several ranks nothing can run behind an exception.
  // Of a network that detects the last of the pathways are the boxes, K 5 as Model::boxes() has
  // them, at least one and no more than there is room for, and targets and logits have a row each.
  Result run(const std::vector<Tensor>& pathways, const Tensor& targets, int64_t iteration);

  // Of the last run, by parameter; with keep_gradients and without accumulation.
  NamedTensors gradients() const;
  const Plan& plan() const;

 private:
  Result run_batch(const std::vector<Tensor>& pathways, const Tensor& targets, int64_t iteration);

  struct Planned;
  std::unique_ptr<Planned> planned_;
};

}  // namespace sf
