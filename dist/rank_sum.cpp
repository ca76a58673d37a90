#include "dist/rank_sum.h"

#include <algorithm>
#include <vector>

#include "dist/process_group.h"
#include "kernels/base/half.h"

namespace sf {
namespace {

constexpr int64_t kBlock = 1024;  // sums that stay in the first cache

template <class T, class Sum>
T rounded(Sum sum) {
  if constexpr (sizeof(T) == 2)
    return T(float(sum));
  else
    return T(sum);
}

// Of n <= kBlock elements.
template <class T, class Sum>
void add_block(std::span<const T* const> by_rank, Sum* sums, int64_t n) {
  if (by_rank.size() == 1) {
    std::copy_n(by_rank[0], n, sums);
    return;
  }
  Sum others[kBlock];
  const size_t half = by_rank.size() / 2;
  add_block(by_rank.first(half), sums, n);
  add_block(by_rank.subspan(half), others, n);
  for (int64_t i = 0; i < n; ++i) sums[i] += others[i];
}

template <class T, class Sum>
void add(std::span<const void* const> by_rank, void* result, int64_t count) {
  Sum sums[kBlock];
  std::vector<const T*> from(by_rank.size());
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t n = std::min(kBlock, count - first);
    for (size_t r = 0; r < from.size(); ++r) from[r] = static_cast<const T*>(by_rank[r]) + first;
    add_block<T, Sum>(from, sums, n);
    T* to = static_cast<T*>(result) + first;
    for (int64_t i = 0; i < n; ++i) to[i] = rounded<T>(sums[i]);
  }
}

}  // namespace

void add_in_pairs(std::span<const void* const> by_rank, void* result, int64_t count, DType dtype) {
  check_summable(dtype);
  switch (dtype) {
    case DType::f64: return add<double, double>(by_rank, result, count);
    case DType::bf16: return add<bf16, double>(by_rank, result, count);
    case DType::f16: return add<f16, double>(by_rank, result, count);
    // Unsigned, whose overflow is defined; the bits are the same.
    case DType::i64: return add<uint64_t, uint64_t>(by_rank, result, count);
    default: return add<float, float>(by_rank, result, count);
  }
}

}  // namespace sf
