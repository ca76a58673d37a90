// RoIAlign against torchvision's numbers (tests/golden/roi_align/boxes.py).
#include <cmath>
#include <filesystem>

#include "autograd/gradients.h"
#include "autograd/ops/roi_align.h"
#include "tensor/safetensors.h"
#include "tests/autograd/network.h"

namespace sf {
namespace {

// N C H W as N 1 H W C.
Tensor from_stored(const Tensor& t) {
  const Shape& s = t.shape();
  return channels_last_from_first(t.reshape({s[0], s[1], 1, s[2], s[3]}));
}

// Both are float32: a value is a mean of samples, whose positions of some tens of pixels are
// rounded to a few 1e-6. The gradient is a sum over at most 12 boxes.
void expect_near(const Tensor& found, const Tensor& wanted, double bound) {
  const auto a = found.span<float>(), b = wanted.span<float>();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], bound) << i;
}

TEST(RoiAlign, GivesTorchvisionsNumbers) {
  const Safetensors golden = read_safetensors(std::filesystem::path(SF_SOURCE_DIR) /
                                              "tests/golden/roi_align/boxes.safetensors");
  const Tensor clip = from_stored(golden.at("x")), seed = from_stored(golden.at("dy"));
  for (const bool aligned : {true, false})
    for (const int samples : {0, 2}) {
      const std::string name = cat(aligned ? "aligned/" : "legacy/", samples);
      SCOPED_TRACE(name);
      Graph graph;
      const Value x = graph.input("x", clip.type()), dy = graph.input("dy", seed.type()),
                  boxes = graph.input("boxes", golden.at("boxes").type());
      const Value y = roi_align(
          x, boxes,
          {.resolution = 3, .spatial_scale = 0.25, .samples = samples, .aligned = aligned});
      const Value dx = gradients(y, std::vector{x}, dy)[0];
      Plan plan(graph, std::vector{y, dx});
      plan.feed(x, clip);
      plan.feed(dy, seed);
      plan.feed(boxes, golden.at("boxes"));
      plan.run();
      expect_near(plan.fetch(y), from_stored(golden.at(name + ".y")), 1e-5);
      expect_near(plan.fetch(dx), from_stored(golden.at(name + ".dx")), 1e-5);
    }
}

}  // namespace
}  // namespace sf
