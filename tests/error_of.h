// For tests of what is refused.
#pragma once

#include <string>

#include "kernels/base/error.h"

namespace sf {

// What the sf::Error of f says; empty if it throws none. Other exceptions escape and fail the test.
template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) { return error.what(); }
  return "";
}

}  // namespace sf
