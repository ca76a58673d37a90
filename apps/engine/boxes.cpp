#include "apps/engine/boxes.h"

#include <algorithm>

#include "kernels/base/element.h"

namespace sf {

Tensor with_room(const Tensor& rows, int64_t room, double fill, const char* what) {
  const Shape& s = rows.shape();
  SF_CHECK(s.rank() == 2 && s[0] <= room, what, ": wanted at most ", room, " rows, found ", s);
  Tensor all({{room, s[1]}, rows.dtype()});
  with_arithmetic(rows.dtype(), [&](auto t) {
    using T = decltype(t);
    const auto rest = std::ranges::copy(rows.span<T>(), all.span<T>().begin()).out;
    std::fill(rest, all.span<T>().end(), T(fill));
  });
  return all;
}

Tensor first_rows(const Tensor& tensor, int64_t rows) {
  Shape shape = tensor.shape();
  shape.set(0, rows);
  Tensor first({shape, tensor.dtype()});
  std::copy_n(tensor.data(), first.type().bytes(), first.data());
  return first;
}

}  // namespace sf
