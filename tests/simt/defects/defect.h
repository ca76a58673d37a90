// How a planted bug shows. Every kernel here takes the bug as a template parameter, so that the
// same kernel without it is the control.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/async_copy.h"
#include "kernels/base/launch.h"
#include "kernels/base/tensor_core.h"

namespace sf::simt {

// The report that ends f, empty if none does.
inline std::string report_of(const std::function<void()>& f) {
  try {
    f();
    return "";
  } catch (const Error& e) { return e.what(); }
}

// Whether every order of threads that the tests of kernels use gives what is wanted: false for NaN.
inline bool right_in_every_order(const std::function<std::vector<float>()>& run,
                                 const std::vector<float>& wanted) {
  bool right = true;
  for (const unsigned seed : {0, 1, 2}) {
    const ScopedSeed scoped(seed);
    right &= run() == wanted;
  }
  return right;
}

#define EXPECT_REPORT(statement, text)                         \
  do {                                                         \
    const std::string report = report_of([&] { statement; });  \
    EXPECT_NE(report.find(text), std::string::npos) << report; \
  } while (0)

}  // namespace sf::simt
