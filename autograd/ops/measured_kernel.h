// The row of a kernel table for one site, by its place or by measuring.
#pragma once

#include "autograd/ops/lower.h"
#include "autograd/plan/kernel_tuner.h"

namespace sf {

// The best row by its place in the table; where the site has a tuner, the fastest on the current
// CUDA device of those that are no less exact, of all where the problem allows TF32. `text` is all
// that the time of a row depends on; make_args(take) gives pointers, take(bytes) memory of the
// device. Throws NoKernel.
template <class Problem, class Args, class MakeArgs>
const Kernel<Problem, Args>& measured_kernel(std::span<const Kernel<Problem, Args>> table,
                                             const Problem& problem, const OpSite& site,
                                             std::string_view op, const std::string& text,
                                             const MakeArgs& make_args) {
  const auto& best_placed = best_kernel(table, problem, op);
  if (!site.tuner) return best_placed;
  const bool exact = best_placed.exact && !problem.tf32;
  std::vector<std::string_view> names;
  for (const auto& row : table) names.push_back(row.name);
  const auto takes = [&](const Kernel<Problem, Args>& row) {
    return (row.exact || !exact) && !row.packed_bytes && row.can_run(problem);
  };
  const auto measure = [&](size_t i, double best) -> std::optional<double> {
    const Kernel<Problem, Args>& row = table[i];
    if (!takes(row)) return {};
    KernelTrial trial;
    const auto take = [&](size_t bytes) { return trial.memory(bytes); };
    const auto prepared = row.prepare ? row.prepare(problem) : nullptr;
    void* workspace =
        trial.workspace(row.workspace_bytes ? row.workspace_bytes(problem, prepared.get()) : 0,
                        row.zeroed_bytes ? row.zeroed_bytes(problem) : 0);
    const Args args = make_args(take);
    return trial.microseconds(
        [&](Queue queue) { row.run(problem, args, prepared.get(), workspace, queue); }, best);
  };
  const auto fastest = site.tuner->fastest(cat(op, ": ", text), names, measure);
  return fastest && takes(table[*fastest]) ? table[*fastest] : best_placed;
}

}  // namespace sf
