#include "data/epoch_order.h"

#include <algorithm>

#include "kernels/base/error.h"

namespace sf {

std::vector<BatchRange> cut_epoch(int64_t videos, std::span<const BatchShape> shapes,
                                  bool drop_last, const BatchPart& part) {
  SF_CHECK(!shapes.empty(), "batches: wanted at least one size, found none");
  for (const BatchShape& s : shapes) {
    SF_CHECK(s.videos > 0 && s.crop >= 0, "batches: wanted positive sizes and crops, found ",
             s.videos, " videos with crops of ", s.crop);
    SF_CHECK(s.videos % part.ranks == 0, "batches: wanted a multiple of the ", part.ranks,
             " processes that share a batch, found ", s.videos, " videos");
  }
  if (part.repeat) videos = (videos + part.ranks - 1) / part.ranks * part.ranks;
  std::vector<BatchRange> batches;
  int64_t next = 0;
  while (next < videos) {
    const BatchShape& shape = shapes[batches.size() % shapes.size()];
    const int64_t n = std::min(shape.videos, videos - next);
    if (n < shape.videos && drop_last && !batches.empty()) break;
    const int64_t most = (part.repeat ? n : shape.videos) / part.ranks,
                  begin = std::min(part.rank * most, n);
    batches.push_back(
        {.first = next + begin, .videos = std::min(begin + most, n) - begin, .crop = shape.crop});
    next += n;
  }
  return batches;
}

}  // namespace sf
