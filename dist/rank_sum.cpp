#include "dist/rank_sum.h"

#include <algorithm>

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

template <class T, class Sum>
void add(std::span<const void* const> by_rank, void* result, int64_t count) {
  Sum sums[kBlock];
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t n = std::min(kBlock, count - first);
    std::fill_n(sums, n, Sum(0));
    for (const void* values : by_rank) {
      const T* from = static_cast<const T*>(values) + first;
      for (int64_t i = 0; i < n; ++i) sums[i] += Sum(from[i]);
    }
    T* to = static_cast<T*>(result) + first;
    for (int64_t i = 0; i < n; ++i) to[i] = rounded<T>(sums[i]);
  }
}

}  // namespace

void add_in_rank_order(std::span<const void* const> by_rank, void* result, int64_t count,
                       DType dtype) {
  check_summable(dtype);
  switch (dtype) {
    case DType::f64: return add<double, double>(by_rank, result, count);
    case DType::bf16: return add<bf16, double>(by_rank, result, count);
    case DType::f16: return add<f16, double>(by_rank, result, count);
    // Unsigned, whose overflow is defined; the bits are the same.
    case DType::i64: return add<uint64_t, uint64_t>(by_rank, result, count);
    default: return add<float, double>(by_rank, result, count);
  }
}

}  // namespace sf
