#include "dist/process_group.h"

#include <vector>

#include "kernels/base/error.h"

namespace sf {

void ProcessGroup::all_gather(Elements values) {
  check_divides(values.count, size(), "parts of all_gather");
  all_gather(values, std::vector<int64_t>(size_t(size()), values.count / size()));
}

std::shared_ptr<ProcessGroup> ProcessGroup::on_device(int device) {
  throw Error(cat("process group: these ranks share no values of device ", device));
}

std::string text_of(const char* operation, Elements values) {
  return cat(operation, " of ", values.count, " ", values.dtype, " values");
}

void check_summable(DType dtype) {
  SF_CHECK(dtype == DType::f32 || dtype == DType::f64 || is_half(dtype) || dtype == DType::i64,
           "all_reduce: wanted values of f32, f64, bf16, f16 or i64, found ", dtype);
}

void check_root(int root, int ranks) {
  SF_CHECK(root >= 0 && root < ranks, "broadcast: wanted a root among ", ranks, " ranks, found ",
           root);
}

void check_divides(int64_t whole, int64_t part, const char* parts) {
  SF_CHECK(part > 0 && whole % part == 0, parts, ": wanted a divisor of ", whole, ", found ", part);
}

void check_parts(int64_t count, std::span<const int64_t> counts, int ranks) {
  SF_CHECK(int(counts.size()) == ranks, "all_gather: wanted the counts of ", ranks,
           " parts, found ", counts.size());
  int64_t sum = 0;
  for (const int64_t part : counts) {
    SF_CHECK(part >= 0, "all_gather: wanted counts from 0 on, found ", part);
    sum += part;
  }
  SF_CHECK(sum == count, "all_gather: wanted parts of ", count, " elements together, found ", sum);
}

}  // namespace sf
