// What tests of groups share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dist/process_group.h"
#include "kernels/base/element.h"
#include "kernels/base/error.h"

namespace sf {

template <class T>
Elements elements(std::vector<T>& values) {
  return {values.data(), int64_t(values.size()), dtype_of<T>};
}

// The line of what f throws; empty if it does not.
inline std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) { return e.what(); }
  return "";
}

}  // namespace sf
