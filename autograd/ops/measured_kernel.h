// The row of a kernel table for one site, by its place or by measuring.
#pragma once

#include "autograd/ops/lower.h"
#include "autograd/plan/kernel_tuner.h"

namespace sf {

// The best row by its place in the table; where the site has a tuner, the fastest of those that can
// run the problem. `text` is all that the time of a row depends on, make_args(take) gives pointers,
// take(bytes) memory of the device, and input `weights` of the op is what rows may pack. Throws
// NoKernel.
template <class Problem, class Args, class MakeArgs>
const Kernel<Problem, Args>& measured_kernel(std::span<const Kernel<Problem, Args>> table,
                                             const Problem& problem, const OpSite& site,
                                             std::string_view op, const std::string& text,
                                             const MakeArgs& make_args, int weights = -1) {
  const auto& best_placed = best_kernel(table, problem, op);
  if (!site.tuner) return best_placed;
  const bool packed_each_time = weights >= 0 && !site.in[size_t(weights)].frozen;
  std::vector<std::string_view> names;
  for (const auto& row : table) names.push_back(row.name);
  // References are far slower than all others.
  const auto takes = [&](const Kernel<Problem, Args>& row) {
    return row.can_run(problem) && (&row == &best_placed || row.name != "reference");
  };
  const auto measure = [&](size_t i, double best) -> std::optional<double> {
    const Kernel<Problem, Args>& row = table[i];
    if (!takes(row)) return {};
    KernelTrial trial(site.backend);
    const auto take = [&](size_t bytes) { return trial.memory(bytes); };
    const auto prepared = row.prepare ? row.prepare(problem) : nullptr;
    void* workspace =
        trial.workspace(row.workspace_bytes ? row.workspace_bytes(problem, prepared.get()) : 0,
                        row.zeroed_bytes ? row.zeroed_bytes(problem) : 0);
    Args args = make_args(take);
    std::function<void()> pack = [] {};
    if constexpr (requires { args.w; })
      if (row.pack) {
        void* packed = take(row.packed_bytes(problem, prepared.get()));
        pack = [&, plain = args.w, packed] { row.pack(problem, plain, packed, prepared.get()); };
        pack();
        args.w = packed;
      }
    return trial.microseconds(
        [&](Queue queue) {
          if (packed_each_time) pack();
          row.run(problem, args, prepared.get(), workspace, queue);
        },
        best);
  };
  const std::string key = cat(op, ": ", text, packed_each_time ? " packed each time" : "");
  const auto fastest = site.tuner->fastest(key, names, measure);
  return fastest && takes(table[*fastest]) ? table[*fastest] : best_placed;
}

}  // namespace sf
