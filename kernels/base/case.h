// A problem with a name, as tests and benchmarks list them.
#pragma once

#include <ostream>
#include <string>

#include "kernels/base/error.h"

namespace sf {

template <class Problem>
struct Case {
  std::string name;
  Problem problem;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

}  // namespace sf
