// One step of training as a graph: forward, loss, gradients, optimiser. Not planned yet.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "apps/engine/loss_scaler.h"
#include "apps/engine/optimizer.h"
#include "apps/engine/training_ranks.h"
#include "autograd/plan/arena_memory.h"

namespace sf {

struct TrainStepOptions {
  int64_t batch = 1;  // clips of this rank
  int64_t crop = 224;
  int64_t box_room = 8;       // boxes of a clip, on average, of a network that detects
  bool soft_targets = false;  // shares of classes instead of labels
  int accumulate = 1;         // batches whose gradients are averaged for one step of the optimiser
  bool keep_gradients = false;  // so that gradients() can be called
  bool recompute = false;       // cheap results for the backward pass instead of keeping them
  bool check_finite = false;
  TrainingRanks ranks{};           // each with a step like this one, for its part of the batch
  std::optional<DType> half = {};  // the type activations and weights are stored in, if a half one
  KernelChoice kernels{};
  LossScaler* scaler = nullptr;  // not owned; null: the loss is not scaled
  Device device{};
  double memory_limit_bytes = std::numeric_limits<double>::infinity();
  std::shared_ptr<ArenaMemory> memory = nullptr;  // as in PlanOptions
};

// As the configuration states them, for batches of that many clips of the training crop.
TrainStepOptions train_step_options(const Config& config, int64_t batch, Device device,
                                    TrainingRanks ranks);

// The parameters, the running statistics and the optimiser's state are its states.
struct TrainingGraph {
  // The model and the optimiser must outlive it.
  TrainingGraph(const Model& model, const Optimizer& optimizer, const Config& config,
                const TrainStepOptions& options);

  // What a step gives.
  std::vector<Value> outputs() const;
  // Makes cheap results again for the backward pass, from now on.
  void recompute();

  std::vector<Parameter> parameters;
  std::unique_ptr<Graph> graph;
  std::vector<Value> clips;  // of a network that detects the boxes come last
  Value targets, loss;
  Value logits;                  // of a network that detects, activated
  Value rows_used;               // of the boxes; empty for networks that do not detect
  Value norm;                    // of the gradients; empty where nothing asks for it
  std::vector<Value> gradients;  // by parameter; with keep_gradients

  // States that are set before a run: the key of the draws of dropout; the gradient of the loss,
  // empty where it is the same in all runs; with a loss scaler what takes its scale out again.
  Tensor iteration = Tensor::from(std::vector<int64_t>{0}, {1});
  Tensor seed;
  Tensor inverse_scale = Tensor::zeros({{1}, DType::f64});

  // With accumulation: the sums, and the step of the optimiser on them.
  std::vector<Tensor> sums;
  Graph update_graph{TrainingRules{}};
  Value update_norm;

 private:
  // The gradients by the parameters: of all ranks together, with accumulation this rank's share.
  std::vector<Value> backward(const TrainStepOptions& options);
  std::vector<Value> checked(std::vector<Value> gradients) const;
  // What takes the scale of the loss off the gradients; empty without a scaler.
  Value unscale(Graph& of) const;
  void add_up(const Optimizer& optimizer, const TrainStepOptions& options,
              const std::vector<Value>& gradients);

  bool scaled_;
};

}  // namespace sf
