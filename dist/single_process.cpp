#include "dist/single_process.h"

#include "kernels/base/error.h"

namespace sf {

void SingleProcess::broadcast(Elements, int root) {
  SF_CHECK(root == 0, "broadcast: wanted a root among 1 ranks, found ", root);
}

std::shared_ptr<ProcessGroup> SingleProcess::consecutive(int size) {
  check_divides(1, size, "ranks of a group");
  return std::make_shared<SingleProcess>();
}

}  // namespace sf
