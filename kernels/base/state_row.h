// Rows whose prepared state is an object that does the work.
#pragma once

#include <memory>
#include <type_traits>

#include "kernels/base/kernel.h"

namespace sf {

// `row`, of which only name, exact, can_run and worth need be set, and prepare, which returns a
// State, where that is not State(problem). A State has
//   size_t workspace_bytes() const
//   size_t packed_bytes() const, void pack(const void* weights, void* packed): where it packs
//   void run(const Args&, void* workspace)
template <class State, class Problem, class Args>
constexpr Kernel<Problem, Args> state_row(Kernel<Problem, Args> row) {
  if constexpr (std::is_constructible_v<State, const Problem&>)
    if (!row.prepare)
      row.prepare = [](const Problem& p) -> std::shared_ptr<void> {
        return std::make_shared<State>(p);
      };
  row.workspace_bytes = [](const Problem&, void* state) -> size_t {
    return static_cast<State*>(state)->workspace_bytes();
  };
  if constexpr (requires(State state) { state.packed_bytes(); }) {
    row.packed_bytes = [](const Problem&, void* state) -> size_t {
      return static_cast<State*>(state)->packed_bytes();
    };
    row.pack = [](const Problem&, const void* weights, void* packed, void* state) {
      static_cast<State*>(state)->pack(weights, packed);
    };
  }
  row.run = [](const Problem&, const Args& args, void* state, void* workspace, Queue) {
    static_cast<State*>(state)->run(args, workspace);
  };
  return row;
}

}  // namespace sf
