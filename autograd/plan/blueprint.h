// What is known of a plan before there is any memory: order, lanes, kernels, addresses in an arena.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autograd/graph.h"
#include "autograd/plan/placement.h"

namespace sf {

struct BlueprintOptions {
  Device device{};            // its kernels must be built in; the machine need not have it
  bool reuse_buffers = true;  // off: every value keeps its own memory
  KernelChoice kernels{};
  int lanes = 0;  // at most; 0: two on a CUDA device, else one
  // Of activations, that steps which run depth first take together (frame_chains.h): on the CPU, in
  // one lane, with reuse_buffers. 0: none runs so.
  int64_t piece_bytes = piece_bytes_for_caches();
};

// Making one runs nothing on the device, but where kernels are measured, and takes no memory there
// beside what CUDA and its libraries keep for themselves.
class Blueprint {
 public:
  // outputs: what will be fetched. The graph must outlive the blueprint. Throws, naming the node,
  // where the device has no kernel.
  Blueprint(const Graph& graph, std::span<const Value> outputs, const BlueprintOptions& options);

  struct Step {
    int node = 0;      // in the graph
    std::string name;  // of the node: "s2.pathway0_res0.branch2.a"
    std::shared_ptr<const Op> op;
    OpSite site;
    Lowered lowered;
    int lane = 0;
    // A node that runs depth first has a step for each of its pieces, some frames of its tensors:
    // then types of the site, and what is asked of the op with it, are those of a piece, and
    // offsets those of the first one.
    int64_t piece = 0, pieces = 1;
    std::vector<int> waits = {};  // steps of other lanes that must have ended
    bool awaited = false;         // whether another one waits for this
  };
  // In an order in which they can run one by one. Steps of a lane run in that order.
  const std::vector<Step>& steps() const { return steps_; }
  // Run once, ahead of all others: what they make depends on frozen states alone.
  const std::vector<Step>& hoisted() const { return hoisted_; }

  const Graph& graph() const { return *graph_; }
  Device device() const { return device_; }
  const std::vector<int>& outputs() const { return outputs_; }  // ids
  const Placement& placement() const { return placement_; }
  // Streams that the steps take, at least one.
  int lanes() const { return int(workspaces_.size()); }

  // Memory of activations, inputs, outputs and workspaces.
  size_t arena_bytes() const;
  // Where in the arena a step has its workspace. What is zero there before and after a step is the
  // end of its lane's zeroed bytes.
  size_t workspace_offset(const Step& step) const;
  struct Range {
    size_t offset, bytes;
  };
  Range zeroed(int lane) const;
  // Memory of hoisted values that steps read and of packed weights.
  size_t constant_bytes() const;
  double flops() const;
  // Kernels that a run launches, where the device is a GPU or simt.
  int launches() const;
  // Nodes that run, but for hoisted ones.
  int node_count() const;
  // Inputs of concatenations that are produced in place.
  int joined_without_copy() const { return placement_.slice_count(); }

  // One line a node: name, op, kernel, output type, place, flops; then totals. For devices that
  // launch kernels their number, the lanes, and the time predicted for the GPUs of prediction.h.
  // Beside that, where given, the seconds that steps were measured to take.
  std::string describe(std::span<const double> measured = {}) const;
  // The problems of the nodes that have a description, one a line, each once, in order.
  std::string shapes() const;

 private:
  void add_pieces(const std::vector<Step>& chain);

  const Graph* graph_;
  Device device_;
  std::vector<int> outputs_;
  Placement placement_;
  std::vector<Step> hoisted_, steps_;
  struct Workspace {
    size_t zeroed = 0, bytes = 0;  // these behind those
    size_t end() const { return zeroed + bytes; }
  };
  std::vector<Workspace> workspaces_;  // by lane
};

}  // namespace sf
