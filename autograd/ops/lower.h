// From a row of a kernel table to a step of a plan.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "autograd/op.h"
#include "kernels/base/kernel.h"

namespace sf {

// The pitches of a site are those of dense tensors.
inline OpSite dense(OpSite site) {
  for (auto* ports : {&site.in, &site.out})
    for (auto& port : *ports) port.pitch = port.type.shape.channels();
  return site;
}

// The best kernel for the problem; throws NoKernel with the op's name if there is none.
template <class Problem, class Args>
const Kernel<Problem, Args>& best_kernel(std::span<const Kernel<Problem, Args>> table,
                                         const Problem& problem, std::string_view op) {
  const auto* kernel = select(table, problem);
  if (!kernel) throw NoKernel(cat(op, ": no kernel can run this problem on this device"));
  return *kernel;
}

// args(binding) gives the pointers. Where the kernel wants packed weights, args.w is replaced by
// them: packed once if the weights (input `weights` of the op) are frozen, else into the workspace
// in every run.
template <class Problem, class Args, class MakeArgs>
Lowered lower_kernel(const Kernel<Problem, Args>& kernel, const Problem& problem,
                     const OpSite& site, MakeArgs args, int weights = -1) {
  std::shared_ptr<void> prepared = kernel.prepare ? kernel.prepare(problem) : nullptr;
  Lowered lowered;
  lowered.kernel = kernel.name;
  if (kernel.launches) lowered.launches = kernel.launches(problem);
  lowered.workspace_bytes =
      kernel.workspace_bytes ? kernel.workspace_bytes(problem, prepared.get()) : 0;
  lowered.zeroed_bytes = kernel.zeroed_bytes ? kernel.zeroed_bytes(problem) : 0;
  const size_t packed =
      kernel.packed_bytes && weights >= 0 ? kernel.packed_bytes(problem, prepared.get()) : 0;
  if constexpr (requires(Args a) { a.w; }) {
    const auto pack = [kernel, problem, prepared, weights](const Binding& b, void* to) {
      kernel.pack(problem, b.in[size_t(weights)].data, to, prepared.get());
    };
    if (packed > 0 && site.in[size_t(weights)].frozen) {
      lowered.packed_input = weights;
      lowered.packed_bytes = packed;
      lowered.pack = [pack](const Binding& b, Queue) { pack(b, b.packed); };
      lowered.run = [kernel, problem, prepared, args](const Binding& b, Queue queue) {
        Args a = args(b);
        a.w = b.packed;
        kernel.run(problem, a, prepared.get(), b.workspace, queue);
      };
      return lowered;
    }
    if (packed > 0) {
      const size_t at = (lowered.workspace_bytes + 63) / 64 * 64;
      lowered.workspace_bytes = at + packed;
      lowered.run = [kernel, problem, prepared, args, pack, at](const Binding& b, Queue queue) {
        Args a = args(b);
        void* to = static_cast<std::byte*>(b.workspace) + at;
        pack(b, to);
        a.w = to;
        kernel.run(problem, a, prepared.get(), b.workspace, queue);
      };
      return lowered;
    }
  }
  lowered.run = [kernel, problem, prepared, args](const Binding& b, Queue queue) {
    kernel.run(problem, args(b), prepared.get(), b.workspace, queue);
  };
  return lowered;
}

// What runs `one`, made for a part of the inputs and outputs, on part after part: `in` and `out`
// are the bytes from part to part of each, 0 for what all parts share. At most four of either.
inline Lowered for_parts(Lowered one, int64_t parts, std::vector<size_t> in,
                         std::vector<size_t> out) {
  Lowered all = one;
  all.launches *= int(parts);
  all.run = [run = std::move(one.run), parts, in = std::move(in), out = std::move(out)](
                const Binding& b, Queue queue) {
    std::array<TensorRef, 4> ins, outs;
    std::ranges::copy(b.in, ins.begin());
    std::ranges::copy(b.out, outs.begin());
    for (int64_t part = 0; part < parts; ++part) {
      run({std::span(ins).first(in.size()), std::span(outs).first(out.size()), b.packed,
           b.workspace},
          queue);
      for (size_t i = 0; i < in.size(); ++i) ins[i].data += in[i];
      for (size_t i = 0; i < out.size(); ++i) outs[i].data += out[i];
    }
  };
  return all;
}

}  // namespace sf
