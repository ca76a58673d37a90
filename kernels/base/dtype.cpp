#include "kernels/base/dtype.h"

#include <array>

#include "kernels/base/error.h"

namespace sf {
namespace {

struct Row {
  DType dtype;
  size_t size;
  std::string_view name;
};
constexpr std::array kRows{
    Row{DType::f32, 4, "f32"},   Row{DType::f64, 8, "f64"}, Row{DType::f16, 2, "f16"},
    Row{DType::bf16, 2, "bf16"}, Row{DType::u8, 1, "u8"},   Row{DType::i32, 4, "i32"},
    Row{DType::i64, 8, "i64"},
};

}  // namespace

size_t size_of(DType dtype) { return kRows[size_t(dtype)].size; }
std::string_view name_of(DType dtype) { return kRows[size_t(dtype)].name; }
std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

DType parse_dtype(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.dtype;
  throw Error(cat("dtype: wanted one of f32, f64, f16, bf16, u8, i32, i64, found '", name, "'"));
}

}  // namespace sf
