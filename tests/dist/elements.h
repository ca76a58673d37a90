// What tests of groups share.
#pragma once

#include <string>
#include <vector>

#include "dist/process_group.h"
#include "kernels/base/element.h"
#include "tests/error_of.h"

namespace sf {

template <class T>
Elements elements(std::vector<T>& values) {
  return {values.data(), int64_t(values.size()), dtype_of<T>};
}

}  // namespace sf
