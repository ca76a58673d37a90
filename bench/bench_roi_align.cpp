// RoIAlign of a detection head on the CPU: every row of the tables, forward and backward.
//
//   OMP_NUM_THREADS=2 build/bench_roi_align
//   python3 bench/peers/torch_roi_align.py --engine build/bench_roi_align
//
// One clip of 256x256 pixels, features of 16x16 (Slow: 2048 channels, Fast: 256), 7x7 bins, boxes
// of 20 to 200 pixels.
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/base/counter_rng.h"
#include "kernels/roi_align/backward.h"
#include "kernels/roi_align/roi.h"

namespace {

using namespace sf;

constexpr int kCrop = 256;

std::vector<float> reals(const char* key, int64_t n) {
  const CounterRng rng(key);
  std::vector<float> values;
  values.reserve(size_t(n));
  for (int64_t i = 0; i < n; ++i) values.push_back(rng.uniform(uint64_t(i), -1, 1));
  return values;
}

// As bench/peers/torch_roi_align.py draws them, but for the draws.
std::vector<float> boxes(int count) {
  const CounterRng rng("boxes");
  std::vector<float> rows;
  for (int i = 0; i < count; ++i) {
    float corner[2], far[2];
    for (int axis = 0; axis < 2; ++axis) {
      const auto at = uint64_t(i) * 4 + uint64_t(axis) * 2;
      const float size = rng.uniform(at, 20, 200);
      corner[axis] = rng.uniform(at + 1, 0, float(kCrop - 1) - size);
      far[axis] = corner[axis] + size;
    }
    rows.insert(rows.end(), {0, corner[0], corner[1], far[0], far[1]});
  }
  return rows;
}

template <class Args>
void time(benchmark::State& state, const Kernel<RoiAlignProblem, Args>& kernel,
          const RoiAlignProblem& p) {
  const int64_t pixels = int64_t{p.n} * p.h * p.w * p.c,
                bins = int64_t{p.boxes} * p.bins * p.bins * p.c;
  constexpr bool kForward = std::is_same_v<Args, RoiAlignArgs>;
  const std::vector<float> in = reals("in", kForward ? pixels : bins), corners = boxes(p.boxes);
  std::vector<float> out(size_t(kForward ? bins : pixels));
  std::vector<std::max_align_t> workspace(
      (kernel.workspace_bytes ? kernel.workspace_bytes(p, nullptr) : 0) / sizeof(std::max_align_t) +
      1);
  const Args args{in.data(), corners.data(), out.data()};
  for (auto _ : state) {
    kernel.run(p, args, nullptr, workspace.data(), {.backend = Backend::cpu});
    benchmark::ClobberMemory();
  }
}

template <class Args>
void add(std::span<const Kernel<RoiAlignProblem, Args>> table, const char* direction,
         const RoiAlignProblem& p) {
  for (const auto& kernel : table) {
    const std::string name = cat("c", p.c, "/boxes", p.boxes, "/", direction, "/", kernel.name);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State& state) { time(state, kernel, p); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const int channels : {2048, 256})
    for (const int count : {1, 5, 30}) {
      const RoiAlignProblem p{.h = kCrop / 16,
                              .w = kCrop / 16,
                              .c = channels,
                              .boxes = count,
                              .bins = 7,
                              .spatial_scale = 1. / 16,
                              .x_pitch = channels,
                              .y_pitch = channels};
      add(roi_align_kernels(Backend::cpu), "forward", p);
      add(roi_align_backward_kernels(Backend::cpu), "backward", p);
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
