#include "data/random_draws.h"

#include <numeric>
#include <utility>

namespace sf {

std::vector<int64_t> permutation(const CounterRng& rng, int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[size_t(i)], order[size_t(below(rng, uint64_t(i), i + 1))]);
  return order;
}

}  // namespace sf
