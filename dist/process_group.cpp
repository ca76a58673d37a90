#include "dist/process_group.h"

#include "kernels/base/error.h"

namespace sf {

void check_summable(DType dtype) {
  SF_CHECK(dtype == DType::f32 || dtype == DType::f64 || dtype == DType::i64,
           "all_reduce: wanted values of f32, f64 or i64, found ", dtype);
}

void check_divides(int64_t whole, int64_t part, const char* parts) {
  SF_CHECK(part > 0 && whole % part == 0, parts, ": wanted a divisor of ", whole, ", found ", part);
}

}  // namespace sf
