// How reports name places.
#pragma once

#include <string>

#include "kernels/simt/thread.h"

namespace sf::simt {

// "pointwise/pointwise.cu:71".
std::string place(const Site& site);

inline bool same(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() && a.file_name() == b.file_name();
}

}  // namespace sf::simt
