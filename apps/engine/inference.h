// A network planned for running on batches of any size.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/engine/inference_graph.h"
#include "apps/engine/transfer.h"
#include "autograd/plan/plan.h"

namespace sf {

struct InferenceOptions {
  Device device{};
  int64_t max_batch = 1;            // clips that run together, as far as the memory allows
  double memory_limit_bytes = 4e9;  // of activations and workspace; on CUDA the clips come on top
  bool check_finite = false;
  std::optional<DType> half = {};  // the type activations and weights are stored in, if a half one
  KernelChoice kernels{};
  bool keep_stages = false;                       // keep the activations behind each stage
  std::shared_ptr<ArenaMemory> memory = nullptr;  // of the plans; null: of their own
};

// Clips that run together, at least one: as many as wanted and as the memory allows, where one
// takes that much. Activations grow with the batch.
int64_t clips_together(size_t bytes_of_one, int64_t max_batch, double memory_limit_bytes);

// Dense tensors of N1 x .., N2 x .. as one of (N1 + N2) x ...
Tensor stack_batches(const std::vector<Tensor>& parts);

// Batches run in chunks: as many clips together as max_batch and the memory limit allow, what is
// left over one by one. One thread at a time.
class Inference {
 public:
  // The model's weights are read here; it must outlive the object.
  Inference(const Model& model, ClipSize size, const InferenceOptions& options);
  ~Inference();

  struct Result {
    Tensor scores, logits;  // N x classes; of a network that detects one row a box
    NamedTensors stages;    // "act.s2.0", channels-last; with keep_stages
  };
  // clips: N clips of one tensor a pathway, T H W C each; for a network that detects, behind them
  // the clip's boxes: K x 4 of the pathways' type, x1, y1, x2, y2 in pixels of the clip. There may
  // be none; where there are more than the plans have room for, they are made anew.
  Result run(const std::vector<std::vector<Tensor>>& clips);
  // The same in halves, so that a CUDA device works on some clips while the next are copied there.
  // finish() gives the results of what was started first. Elsewhere start() does all the work.
  // Where one of them throws, what was started is lost.
  void start(const std::vector<std::vector<Tensor>>& clips);
  Result finish();
  // How many starts should lie ahead of each finish.
  size_t ahead() const { return transfer_ ? 1 : 0; }
  // Starts anew, without what was started and not finished.
  void forget_started();
  // Gives back the memory of weights in the kernels' arrangement. The next run reads the model's
  // weights anew.
  void release_weights();

  int64_t chunk() const;       // clips that run together
  const Plan& plan() const;    // of a whole chunk
  size_t arena_bytes() const;  // of the plans, which run in turn

 private:
  struct Planned;
  void make_plans();
  void make_room(const std::vector<std::vector<Tensor>>& clips);
  void check(const std::vector<Tensor>& clip) const;
  void start_chunk(Planned& planned, std::span<const std::vector<Tensor>> clips);

  const Model& model_;
  ClipSize size_;
  InferenceOptions options_;
  std::shared_ptr<ArenaMemory> memory_;
  int64_t box_room_;                           // of a clip
  std::unique_ptr<Planned> single_, chunked_;  // chunked_ is null where a chunk is one clip
  std::unique_ptr<Transfer> transfer_;         // on a CUDA device
  std::deque<size_t> started_;                 // chunks of each start
  std::deque<std::vector<Tensor>> done_;       // outputs of chunks
  std::deque<int64_t> rows_;                   // scores of each chunk that was started
};

}  // namespace sf
