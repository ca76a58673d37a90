// A table of a device's own kernels and those of a library.
#pragma once

#include <span>
#include <vector>

namespace sf {

// The own rows first: the library's are taken by measuring, or where none of the own can run.
template <class Row>
std::vector<Row> with_library(std::span<const Row> own, std::span<const Row> library) {
  std::vector<Row> all(own.begin(), own.end());
  all.insert(all.end(), library.begin(), library.end());
  return all;
}

}  // namespace sf
