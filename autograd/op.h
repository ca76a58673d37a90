// What the engine knows of one operation.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/kernel_choice.h"
#include "kernels/base/kernel.h"
#include "tensor/tensor.h"

namespace sf {

class KernelTuner;
class Value;
struct GradSite;

// A tensor as a step of a plan sees it: dense except for the pixel pitch, the distance in elements
// from one run of channels to the next. It exceeds the channels where the tensor lives inside a
// concatenation.
struct TensorRef {
  std::byte* data = nullptr;
  TensorType type;
  int64_t pitch = 0;

  bool dense() const { return pitch == type.shape.channels(); }
};

// One use of an op, known by its types alone.
struct OpSite {
  struct Port {
    TensorType type;
    int64_t pitch = 0;
    bool frozen = false;  // depends on state alone that no step writes: the same bytes in every run
    // Of its first byte in the arena of the plan; empty where it is not there or not placed yet.
    std::optional<size_t> offset = {};

    // Whether it is known to start that many bytes behind the first one of `whole`.
    bool lies_in(const Port& whole, size_t bytes) const {
      return offset && whole.offset && *offset == *whole.offset + bytes;
    }
  };
  std::vector<Port> in, out;
  Backend backend = Backend::cpu;
  KernelChoice kernels{};
  // While kernels are chosen: measures them. Null: the best by its place in the table.
  KernelTuner* tuner = nullptr;
};

// The memory of one step.
struct Binding {
  std::span<const TensorRef> in, out;
  void* packed = nullptr;  // Lowered::packed_bytes, filled by Lowered::pack
  // Lowered::workspace_bytes, undefined before and after but for the first Lowered::zeroed_bytes.
  void* workspace = nullptr;
};

// An op made ready for one site: the chosen kernel and what it needs.
struct Lowered {
  std::string kernel;
  int launches = 1;  // that run() makes where kernels are launched: on cuda and simt
  size_t workspace_bytes = 0;
  size_t zeroed_bytes = 0;  // of them, as Kernel has it
  // Frozen inputs in the kernel's own arrangement: made once by pack(), after which run() does not
  // read input packed_input any more. No such input: -1.
  int packed_input = -1;
  size_t packed_bytes = 0;
  std::function<void(const Binding&, Queue)> pack;
  // Neither allocates nor throws, but for what waits for other ranks: that throws if they fail. On
  // cuda it may be recorded, unless the host has a part in it: queued again with the arguments it
  // has now, without being called. What changes from run to run has to be in the binding's memory.
  std::function<void(const Binding&, Queue)> run;
  bool on_host = false;  // the host has a part in it: it waits for the device, or for other ranks
};

// The type in which an op runs in a network of mixed precision (rewrite/mixed_precision.cpp).
enum class Precision : uint8_t {
  single,  // float32
  half,    // the half type
  given,   // the half type if all inputs that may be half come so
};

// What Op::lower throws where no kernel can run the site.
class NoKernel : public Error {
 public:
  using Error::Error;
};

// One operation with its attributes as members; immutable once in a graph.
class Op {
 public:
  virtual ~Op() = default;
  virtual std::string_view name() const = 0;
  // Output types; throws on misuse, naming wanted and found.
  virtual std::vector<TensorType> infer(std::span<const TensorType> in) const = 0;
  // Chooses the kernel. Throws NoKernel if none can run the site.
  virtual Lowered lower(const OpSite& site) const = 0;
  // Appends nodes for the gradients of the inputs and returns one for each input, empty where it is
  // not needed or zero everywhere: of its type, or float32 for a half one. Throws for ops that have
  // no gradient.
  virtual std::vector<Value> grad(const GradSite& site) const;
  // Inputs, all of them states, whose memory the op changes. Every plan of the graph runs such a
  // node, behind all readers of that memory that were made before it.
  virtual std::vector<int> written_inputs() const { return {}; }
  // True if the kernel chosen for dense tensors also runs with the pitches of this site.
  virtual bool takes_pitch(const OpSite&) const { return false; }
  // The input whose memory output 0 may take over, when nothing reads that input later.
  virtual std::optional<int> reuses_input() const { return {}; }
  // A concatenation: inputs may be produced inside the output's memory, then there is nothing to
  // copy.
  virtual bool inputs_live_in_output() const { return false; }
  // For ops that lay tensors of any shapes out in one array, each dense: the place of each input in
  // output 0, or of each output in input 0, in elements, at multiples of 64 bytes. Inputs that
  // nothing else reads may be produced in the output's memory, outputs may live in the input's:
  // then there is nothing to copy.
  virtual std::vector<int64_t> inputs_laid_out() const { return {}; }
  virtual std::vector<int64_t> outputs_laid_out() const { return {}; }
  // Whether the outputs are still in the making when the step has run, so that nothing but the op
  // which waits for them may look at them.
  virtual bool ends_later() const { return false; }
  // The inputs N T H W C of which frame t alone makes frame t of output 0, or, where they have r
  // times as many frames, frames r t to r t + r - 1: the op, run on some frames of them and on all
  // of the other inputs, gives what those make. Empty where it has to see all frames.
  virtual std::vector<int> inputs_by_frames(std::span<const TensorType> /*in*/) const { return {}; }
  // Little work beside reading the inputs, and the same bits whenever it runs: a training step may
  // run it again for the backward pass instead of keeping what it made.
  virtual bool cheap() const { return false; }
  virtual Precision precision() const { return Precision::single; }
  // Whether an input is half where the op runs in the half type: activations and weights are,
  // biases and statistics stay float32.
  virtual bool may_be_half(size_t /*input*/) const { return true; }
  // Two per multiply-add.
  virtual double flops(const OpSite&) const { return 0; }
  // The problem that the kernel solves, in one line that benchmarks read back ("conv3d n1 t8 ...");
  // empty for ops that only move bytes.
  virtual std::string problem_text(const OpSite&) const { return {}; }
};

}  // namespace sf
