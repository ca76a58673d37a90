// RoIAlign in plans: with room for more boxes than there are, on every device; and what other
// programs compute.
#include "autograd/ops/roi_align.h"

#include "autograd/gradients.h"
#include "autograd/ops/conv3d.h"
#include "autograd/ops/pool3d.h"
#include "autograd/rewrite/rewrite.h"
#include "tests/autograd/network.h"
#include "tests/error_of.h"

namespace sf {
namespace {

constexpr int64_t kClips = 2, kSize = 8, kChannels = 20;
constexpr RoiAlignParams kParams{.resolution = 4, .spatial_scale = 0.25};
const TensorType kFeaturesType{{kClips, 1, kSize, kSize, kChannels}, DType::f32};

// Features and their gradient, with room for `capacity` boxes. Clips of whole numbers and boxes on
// a grid: every device gives the same bits.
struct Planned {
  explicit Planned(int64_t capacity, Device device = {}) {
    x = graph.input("x", kFeaturesType);
    boxes = graph.input("boxes", {{capacity, 5}, DType::f32});
    y = roi_align(x, boxes, kParams);
    dy = graph.input("dy", y.type());
    dx = gradients(y, std::vector{x}, dy)[0];
    plan = std::make_unique<Plan>(graph, std::vector{y, dx}, PlanOptions{.device = device});
  }

  // Values of y, then of dx. Box i has the numbers 5 i .. 5 i + 4, gradients by box.
  std::pair<std::vector<float>, std::vector<float>> run(const std::vector<float>& numbers) {
    Tensor rows({{boxes.shape()[0], 5}, DType::f32});
    std::ranges::fill(rows.span<float>(), -1);
    std::ranges::copy(numbers, rows.span<float>().begin());
    Tensor clip(kFeaturesType), gradient(dy.type());
    for (size_t i = 0; float& v : clip.span<float>()) v = float(i++ * 7 % 23) - 11;
    for (size_t i = 0; float& v : gradient.span<float>()) v = float(i++ * 5 % 19) - 9;
    plan->feed(x, clip);
    plan->feed(boxes, rows);
    plan->feed(dy, gradient);
    plan->run();
    return {values(plan->fetch(y)), values(plan->fetch(dx))};
  }

  Graph graph;
  Value x, boxes, y, dy, dx;
  std::unique_ptr<Plan> plan;
};

// In units of a quarter pixel: 4 x 4, 8 x 4 and 16 x 8 pixels, the last across two borders.
const std::vector<float> kBoxes{1, 4, 6, 20, 22, 0, 2, 10, 34, 26, 1, -12, 14, 52, 46};

TEST(RoiAlign, RoomForMoreBoxesChangesNoBit) {
  const auto wanted = Planned(3).run(kBoxes);
  const auto found = Planned(9).run(kBoxes);
  EXPECT_EQ(found.second, wanted.second);
  const size_t used = wanted.first.size();
  EXPECT_TRUE(std::equal(wanted.first.begin(), wanted.first.end(), found.first.begin()));
  EXPECT_TRUE(std::all_of(found.first.begin() + std::ptrdiff_t(used), found.first.end(),
                          [](float v) { return v == 0; }));
}

TEST(RoiAlign, APlanTakesOtherBoxesInEveryRunAlsoNone) {
  Planned planned(3);
  const auto first = planned.run(kBoxes);
  const auto none = planned.run({});
  for (const auto& all : {none.first, none.second})
    EXPECT_TRUE(std::ranges::all_of(all, [](float v) { return v == 0; }));
  EXPECT_EQ(planned.run(kBoxes), first);
}

TEST(RoiAlign, TheExecutorOfCudaKernelsGivesTheSameBits) {
  EXPECT_EQ(Planned(5, {.backend = Backend::simt}).run(kBoxes), Planned(5).run(kBoxes));
}

TEST(CudaRoiAlign, EqualsThatOnTheCpuBitForBit) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  EXPECT_EQ(Planned(5, {.backend = Backend::cuda}).run(kBoxes), Planned(5).run(kBoxes));
}

TEST(RoiAlign, BoxesStayFloat32AmongHalfActivations) {
  Graph graph;
  const Value x = graph.input("x", kFeaturesType),
              boxes = graph.input("boxes", {{3, 5}, DType::f32});
  const Tensor weight({{16, 1, 1, 1, kChannels}, DType::f32});
  const Value y = roi_align(conv3d(x, graph.state(weight, "w", false), {}), boxes, kParams);
  const Rewritten halved = mixed_precision(graph, std::vector{y.id()}, DType::bf16);
  int found = 0;
  for (const Graph::Node& node : halved.graph->nodes()) {
    if (node.op->name() != "roi_align") continue;
    EXPECT_EQ(halved.graph->info(node.in[0]).type.dtype, DType::bf16);
    EXPECT_EQ(halved.graph->info(node.in[1]).type.dtype, DType::f32);
    ++found;
  }
  EXPECT_EQ(found, 1);
}

// Whole numbers, four frames, boxes on a grid: one step gives the bits of the three.
TEST(BoxFeatures, AreTheLargestBinsOfTheMeanOverTime) {
  for (const Backend backend : {Backend::cpu, Backend::simt, Backend::cuda}) {
    if (backend == Backend::cuda && cuda::device_count() == 0) continue;
    Graph graph;
    const TensorType type{{kClips, 4, kSize, kSize, kChannels}, DType::f32};
    const Value x = graph.input("x", type), boxes = graph.input("boxes", {{4, 5}, DType::f32});
    const Value bins = roi_align(avg_pool3d(x, {.kernel = {4, 1, 1}}), boxes, kParams);
    const std::vector both{
        box_features(x, boxes, kParams),
        max_pool3d(bins, {.kernel = {1, kParams.resolution, kParams.resolution}})};
    Plan plan(graph, both, PlanOptions{.device = {.backend = backend}});
    Tensor clip(type), rows({{4, 5}, DType::f32});
    for (size_t i = 0; float& v : clip.span<float>()) v = float(i++ * 7 % 23) - 11;
    std::ranges::fill(rows.span<float>(), -1);
    std::ranges::copy(kBoxes, rows.span<float>().begin());
    plan.feed(x, clip);
    plan.feed(boxes, rows);
    plan.run();
    EXPECT_EQ(plan.fetch(both[0]).shape(), (Shape{4, 1, 1, 1, kChannels}));
    EXPECT_EQ(values(plan.fetch(both[0])), values(plan.fetch(both[1])));
  }
}

TEST(RoiAlign, MisuseIsNamed) {
  Graph graph;
  const Value x = graph.input("x", kFeaturesType),
              clip = graph.input("clip", {{2, 3, 8, 8, 4}, DType::f32});
  const auto boxes = [&](const Shape& shape, DType dtype = DType::f32) {
    return graph.input("boxes", {shape, dtype});
  };
  const auto error = [&](Value of, Value in, const RoiAlignParams& params = kParams) {
    return error_of([&] { roi_align(of, in, params); });
  };
  EXPECT_EQ(error(clip, boxes({3, 5})),
            "roi_align: wants x N 1 H W C with positions, found [2 3 8 8 4]");
  EXPECT_EQ(error_of([&] {
              box_features(clip, boxes({3, 4}), kParams);
            }),
            "box_features: wants boxes K 5, found [3 4]");
  EXPECT_EQ(error(x, boxes({3, 4})), "roi_align: wants boxes K 5, found [3 4]");
  EXPECT_EQ(error(x, boxes({15})), "roi_align: wants boxes K 5, found [15]");
  EXPECT_EQ(error(x, boxes({3, 5}, DType::f64)),
            "roi_align: wants boxes of f32 for x of f32, found f64");
  EXPECT_EQ(error(x, boxes({3, 5}), {.resolution = 0}),
            "roi_align: wants a resolution and a scale above 0 and no negative number of samples, "
            "found 0, 1 and 0");
}

}  // namespace
}  // namespace sf
