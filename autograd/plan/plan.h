// A graph made ready to run: ordered, kernels chosen, every buffer at a fixed address.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autograd/graph.h"
#include "autograd/plan/arena_memory.h"
#include "autograd/plan/placement.h"
#include "kernels/base/cuda/runtime.h"

namespace sf {

struct PlanOptions {
  Device device{};
  bool reuse_buffers =
      true;           // off: every value keeps its own memory and can be fetched after a run
  bool tf32 = false;  // as OpSite has it
  bool check_finite = false;  // stop at the first NaN or infinity and name the step
  double memory_limit_bytes = std::numeric_limits<double>::infinity();
  // Shared with plans that run in turn; null: memory of its own.
  std::shared_ptr<ArenaMemory> memory = nullptr;
};

// What a plan throws when it needs more than the limit.
class PlanTooLarge : public Error {
 public:
  PlanTooLarge(size_t bytes, double limit)
      : Error(cat("plan: wanted at most ", int64_t(limit),
                  " bytes of activations and workspace, "
                  "found ",
                  bytes)),
        bytes(bytes) {}
  const size_t bytes;
};

// Planning runs the hoisted steps (those that depend on frozen state alone) and packs weights, so
// later changes of that state are not seen everywhere before release_constants(). One thread at a
// time.
//
// Memory is taken from the system when a plan is fed, or run without inputs; after that run()
// allocates nothing. On a CUDA device run() queues its steps and returns; states must be there
// already (Tensor::move_to), and fetch() waits. A fault of a kernel is thrown, with CUDA's reason,
// by the step or the fetch that notices it; with CUDA_LAUNCH_BLOCKING=1 in the environment by the
// step that made it. Where plans share their memory, what one was fed and what it gave is lost when
// another is fed, run without inputs, or wants more memory than there is: run() and fetch() throw
// then.
class Plan {
 public:
  // outputs: what will be fetched. The graph must outlive the plan.
  Plan(const Graph& graph, std::span<const Value> outputs, const PlanOptions& options = {});
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  Device device() const { return options_.device; }
  // Copies a tensor of the input's type into its place.
  void feed(Value input, const Tensor& value);
  // Where an input is to be written before the next run, to fill it without a copy: memory of the
  // plan's device. Empty for inputs that nothing reads.
  std::optional<TensorRef> place(Value input);
  void run();
  // The steps [begin, end) alone, to look at results in between.
  void run(size_t begin, size_t end);
  // A copy on the host of an output, or, without reuse_buffers, of any value; dense.
  Tensor fetch(Value output) const;

  // Memory of activations, inputs, outputs and workspace; known before any is taken.
  size_t arena_bytes() const { return placement_.bytes() + workspace_bytes_; }
  // Memory of hoisted values and packed weights.
  size_t constant_bytes() const { return constant_bytes_; }
  // Gives that memory back. The next run makes the constants anew, of the states as they are then.
  void release_constants();
  double flops() const;

  struct Step {
    int node = 0;      // in the graph
    std::string name;  // of the node: "s2.pathway0_res0.branch2.a"
    std::shared_ptr<const Op> op;
    OpSite site;
    Lowered lowered;
    std::vector<TensorRef> in, out;
    std::shared_ptr<Storage> packed;  // weights in the kernel's arrangement
  };
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Step>& hoisted() const { return hoisted_; }
  // Runs all steps before `end` until one gives a value that is not finite.
  struct NotFinite {
    std::string step;  // its name; that of the input if what was fed is not finite
    int64_t row = 0;   // first index of the first bad value: the clip, where a step works on clips
  };
  std::optional<NotFinite> find_not_finite(size_t end);
  // Inputs of concatenations that are produced in place.
  int joined_without_copy() const { return placement_.slice_count(); }
  // One line a step: name, op, kernel, output type, place, flops; then totals.
  std::string describe() const;
  // The problems of the steps that have a description, one a line, each once, in order.
  std::string shapes() const;

 private:
  std::optional<TensorRef> find(int value) const;
  TensorRef ref(int value) const;
  void take_memory();
  void check_holds_values() const;
  void bind(Step& step) const;
  void execute(const Step& step) const;
  std::byte* state_data(const Graph::ValueInfo& info) const;
  Queue queue() const {
    return stream_ ? stream_->queue() : Queue{.backend = options_.device.backend};
  }
  std::optional<int> cuda_device() const {
    return stream_ ? std::optional(stream_->device()) : std::nullopt;
  }
  void make_constants();
  void pack_weights();

  const Graph& graph_;
  PlanOptions options_;
  std::optional<cuda::Stream> stream_;  // on a CUDA device
  std::vector<int> outputs_;
  Placement placement_;
  std::map<int, Tensor> constants_;
  bool has_constants_ = false;
  size_t workspace_bytes_ = 0;
  std::shared_ptr<ArenaMemory> memory_;
  uint64_t number_ = 0;         // of this plan in it
  std::byte* arena_ = nullptr;  // that the steps are bound to
  bool has_inputs_ = false;     // in the arena
  size_t constant_bytes_ = 0;
  std::vector<Step> hoisted_, steps_;
};

// Plans, runs and fetches; for tests and tools.
Tensor evaluate(Value value, const std::vector<std::pair<Value, Tensor>>& inputs,
                const PlanOptions& options = {});

}  // namespace sf
