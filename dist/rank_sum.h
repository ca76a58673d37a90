// How every group adds up what its ranks have.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"

namespace sf {

// result[i] = the sum of by_rank[r][i] over all r, for `count` elements of a type that
// check_summable allows: added from the first rank to the last in double (i64: in integers) and
// rounded to the type, a half type by way of float32. `result` may be one of the ranks' arrays.
void add_in_rank_order(std::span<const void* const> by_rank, void* result, int64_t count,
                       DType dtype);

}  // namespace sf
