// A row of a table that hands each problem to the best of some other rows.
#pragma once

#include "kernels/base/device.h"
#include "kernels/base/kernel.h"

namespace sf::SF_DEVICE_NS {

// kBest(problem): the row that runs it, which prepares and packs nothing.
template <auto kBest, class Problem, class Args>
constexpr Kernel<Problem, Args> best_row(Kernel<Problem, Args> row) {
  row.workspace_bytes = [](const Problem& p, void* prepared) {
    const auto& best = kBest(p);
    return best.workspace_bytes ? best.workspace_bytes(p, prepared) : 0;
  };
  row.zeroed_bytes = [](const Problem& p) {
    const auto& best = kBest(p);
    return best.zeroed_bytes ? best.zeroed_bytes(p) : 0;
  };
  row.run = [](const Problem& p, const Args& args, void* prepared, void* workspace, Queue queue) {
    kBest(p).run(p, args, prepared, workspace, queue);
  };
  row.launches = [](const Problem& p) {
    const auto& best = kBest(p);
    return best.launches ? best.launches(p) : 1;
  };
  return row;
}

}  // namespace sf::SF_DEVICE_NS
