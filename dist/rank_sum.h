// How every group adds up what its ranks have.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"

namespace sf {

// result[i] = the sum of by_rank[r][i] over all r, for `count` elements of a type that
// check_summable allows: the sum of the first half of the ranks (the smaller one) plus that of the
// other, each made so. Each addition is rounded to the type, of half types to double, and the
// result by way of float32. So 2^n ranks that hold sums in pairs of parts of some values have the
// bits of one that holds such a sum of all. `result` may be one of the ranks' arrays.
void add_in_pairs(std::span<const void* const> by_rank, void* result, int64_t count, DType dtype);

}  // namespace sf
