#pragma once

#include <type_traits>

namespace sf {

// n / by, rounded up. n >= 0, by > 0.
template <class T, class U>
constexpr std::common_type_t<T, U> divide_up(T n, U by) {
  return (n + by - 1) / by;
}

}  // namespace sf
