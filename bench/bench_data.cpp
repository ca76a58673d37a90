// Video decoding and loading.
//
//   build/bench_data [VIDEO...] [--benchmark_filter=...]
//
// Without videos those of tests/golden/videos are used. decode/NAME reads every frame as RGB on one
// thread; load_test/NAME makes all clips of a test as SLOWFAST_8x8_R50 takes them (10 views, 3
// crops of 256 x 256, 32 frames and 8 for the slow pathway) in the caller's thread.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "data/test_loader.h"
#include "data/video_reader.h"
#include "kernels/base/error.h"

namespace {

using namespace sf;

class OneVideo final : public Dataset {
 public:
  explicit OneVideo(std::string path) : item_{.path = std::move(path)} {}
  int64_t size() const override { return 1; }
  const VideoItem& video(int64_t) const override { return item_; }

 private:
  VideoItem item_;
};

void decode(benchmark::State& state, const std::string& path) {
  int64_t frames = 0;
  for (auto _ : state) {
    VideoReader reader(path);
    std::vector<int64_t> all(size_t(reader.expected_frames()));
    for (size_t i = 0; i < all.size(); ++i) all[i] = int64_t(i);
    frames += int64_t(reader.visit(
        all, [](size_t, const Picture& picture) { benchmark::DoNotOptimize(picture.row(0)); }));
  }
  state.counters["frames/s"] = benchmark::Counter(double(frames), benchmark::Counter::kIsRate);
}

void load_test(benchmark::State& state, const std::string& path) {
  const OneVideo video(path);
  TestLoaderOptions options;
  options.sampling = {.num_frames = 32, .sampling_rate = 2};
  options.alpha = 4;
  options.workers = 0;
  int64_t clips = 0;
  for (auto _ : state) {
    TestLoader loader(video, options);
    while (const auto item = loader.next()) {
      if (!item->fault.empty()) return state.SkipWithError(item->fault.c_str());
      ++clips;
    }
  }
  state.counters["clips/s"] = benchmark::Counter(double(clips), benchmark::Counter::kIsRate);
}

void register_video(const std::filesystem::path& path) {
  VideoReader(path).info();  // throws for files that are no videos
  const std::string name = path.filename().string(), whole = path.string();
  const auto add = [&](const char* kind, auto run) {
    benchmark::RegisterBenchmark((kind + name).c_str(), run, whole)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  add("decode/", decode);
  add("load_test/", load_test);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  try {
    std::vector<std::filesystem::path> videos(argv + 1, argv + argc);
    if (videos.empty())
      for (const char* name :
           {"arm_wrestling.mp4", "short_32_frames.mp4", "six_fps.mp4", "test.avi", "test.mp4"})
        videos.push_back(std::filesystem::path(SF_SOURCE_DIR) / "tests/golden/videos" / name);
    for (const auto& video : videos) register_video(video);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_data: %s\n", e.what());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
