// Points in the work of several lanes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace sf {

// How many steps of each lane are done, at least. All clocks of a plan have as many numbers.
using Clock = std::vector<int>;

// Whether all that is done at `earlier` is done at `later` too.
inline bool reached(const Clock& earlier, const Clock& later) {
  return std::ranges::equal(earlier, later, std::ranges::less_equal());
}

// What is done at one of the two points.
inline Clock joined(Clock a, const Clock& b) {
  for (size_t lane = 0; lane < a.size(); ++lane) a[lane] = std::max(a[lane], b[lane]);
  return a;
}

// What is done at both.
inline Clock shared(Clock a, const Clock& b) {
  for (size_t lane = 0; lane < a.size(); ++lane) a[lane] = std::min(a[lane], b[lane]);
  return a;
}

}  // namespace sf
