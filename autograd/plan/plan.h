// A graph made ready to run: ordered, kernels chosen, every buffer at a fixed address.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autograd/plan/arena_memory.h"
#include "autograd/plan/blueprint.h"
#include "autograd/plan/recorded_runs.h"

namespace sf {

struct PlanOptions {
  Device device{};
  // Off: every value keeps its own memory and can be fetched after a run.
  bool reuse_buffers = true;
  KernelChoice kernels{};
  int lanes = 0;  // as in BlueprintOptions, and so is:
  int64_t piece_bytes = piece_bytes_for_caches();
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
// allocates nothing. On a CUDA device run() queues its steps and returns, from the third run of the
// same steps at the same addresses on as one CUDA graph (recorded_runs.h); states must be there
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
  const Blueprint& blueprint() const { return blueprint_; }
  // Copies a tensor of the input's type into its place.
  void feed(Value input, const Tensor& value);
  // Where an input is to be written before the next run, to fill it without a copy: memory of the
  // plan's device. Empty for inputs that nothing reads.
  std::optional<TensorRef> place(Value input);
  void run();
  // The steps [begin, end) alone, to look at results in between.
  void run(size_t begin, size_t end);
  // Returns when all that run() queued is done.
  void synchronize() const { memory_->streams().synchronize(); }
  // A copy on the host of an output, or, without reuse_buffers, of any value; dense.
  Tensor fetch(Value output) const;
  // Where that is, in memory of the plan's device, until the next run.
  TensorRef result(Value output) const;

  // What the blueprint says.
  using Step = Blueprint::Step;
  const std::vector<Step>& steps() const { return blueprint_.steps(); }
  size_t arena_bytes() const { return blueprint_.arena_bytes(); }
  double flops() const { return blueprint_.flops(); }
  std::string describe() const { return blueprint_.describe(); }
  // Ranges of steps that are queued as CUDA graphs now.
  size_t recorded_runs() const { return recorded_.count(); }
  // Memory that hoisted values and packed weights take now.
  size_t constant_bytes() const { return constant_bytes_; }
  // Gives that memory back. The next run makes the constants anew, of the states as they are then.
  void release_constants();

  // Runs all steps before `end`, so that other ranks find this one at every sum over ranks, and
  // says which is the first to give a value that is not finite.
  struct NotFinite {
    std::string step;   // its name; that of the input if what was fed is not finite
    int64_t row = 0;    // first index of the first bad value: the clip, where a step works on clips
    size_t number = 0;  // of the step, from 1; 0: an input
  };
  std::optional<NotFinite> find_not_finite(size_t end);

 private:
  // A step with its memory.
  struct Bound {
    const Step* step;
    std::vector<TensorRef> in, out;
    std::shared_ptr<Storage> packed;    // weights in the kernel's arrangement
    std::unique_ptr<cuda::Event> done;  // that steps of other lanes wait for
  };

  std::vector<Bound> unbound(const std::vector<Step>& steps) const;
  std::optional<TensorRef> find(int value) const;
  // What the step sees of a value of its node.
  std::optional<TensorRef> find(int value, const Step& step, const OpSite::Port& port) const;
  TensorRef ref(int value) const;
  void take_memory();
  void check_holds_values() const;
  void bind(Bound& bound) const;
  void bind_all();
  bool states_moved() const;
  void queue(size_t begin, size_t end);
  void execute(const Bound& bound, size_t begin = 0) const;
  std::byte* state_data(const Graph::ValueInfo& info) const;
  void make_constants();
  void pack_weights();

  const Graph& graph_;
  PlanOptions options_;
  Blueprint blueprint_;
  std::map<int, Tensor> constants_;
  bool has_constants_ = false;
  std::shared_ptr<ArenaMemory> memory_;
  uint64_t number_ = 0;         // of this plan in it
  std::byte* arena_ = nullptr;  // that the steps are bound to
  bool has_inputs_ = false;     // in the arena
  size_t constant_bytes_ = 0;
  std::map<int, std::byte*> states_;  // that the steps are bound to
  std::vector<Bound> hoisted_, steps_;
  RecordedRuns recorded_;
};

// Plans, runs and fetches; for tests and tools.
Tensor evaluate(Value value, const std::vector<std::pair<Value, Tensor>>& inputs,
                const PlanOptions& options = {});

}  // namespace sf
