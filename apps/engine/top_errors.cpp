#include "apps/engine/top_errors.h"

#include <algorithm>

#include "data/metrics.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr int kBest = 5;

}  // namespace

TopErrors TopMisses::errors() const {
  const auto all = double(std::max<int64_t>(clips, 1));
  return {100.0 * double(top1) / all, 100.0 * double(top5) / all};
}

TopMisses top_misses(const Tensor& scores, std::span<const int64_t> labels) {
  const Tensor all = scores.to(DType::f32);
  const Shape& s = all.shape();
  SF_CHECK(s.rank() == 2 && s[0] == int64_t(labels.size()) && s[0] > 0, "errors: wanted ",
           labels.size(), " rows of scores, found ", s);
  const auto classes = size_t(s[1]);
  TopMisses missed{.clips = s[0]};
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = all.span<float>().subspan(i * classes, classes);
    missed.top1 += !in_top_k(row, labels[i], 1);
    missed.top5 += !in_top_k(row, labels[i], kBest);
  }
  return missed;
}

}  // namespace sf
