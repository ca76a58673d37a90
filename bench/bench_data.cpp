// Video decoding and loading.
//
//   build/bench_data [VIDEO...] [--benchmark_filter=...]
//
// Without videos those of tests/golden/videos are used. decode/NAME reads every frame as RGB on one
// thread; load_test/NAME makes all clips of a test as SLOWFAST_8x8_R50 takes them (10 views, 3
// crops of 256 x 256, 32 frames and 8 for the slow pathway) in the caller's thread; load_train/NAME
// makes its training clips (a random window, crops of 224 x 224) on one worker. train_clip/NAME
// makes such clips one by one, each followed by FFmpeg's own decoding of the same frames on one
// thread, from the key frame before them to the last: of_decode is FFmpeg's time over ours, and
// of_open_and_decode counts its opening of the file, too. key32.mp4 is test.mp4 with a key frame
// every 32 frames.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "data/batch_memory.h"
#include "data/clip_reader.h"
#include "data/test_loader.h"
#include "data/train_loader.h"
#include "data/video_reader.h"
#include "data/video_writer.h"
#include "ffmpeg_window.h"
#include "kernels/base/error.h"

namespace {

using namespace sf;

class OneVideo final : public Dataset {
 public:
  explicit OneVideo(std::string path, int64_t times = 1)
      : item_{.path = std::move(path)}, times_(times) {}
  int64_t size() const override { return times_; }
  const VideoItem& video(int64_t) const override { return item_; }

 private:
  VideoItem item_;
  int64_t times_;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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

constexpr int kBatch = 8;

TrainLoaderOptions training() {
  return {.batches = {{.videos = kBatch, .crop = 224}},
          .sampling = {.num_frames = 32, .sampling_rate = 2},
          .alpha = 4,
          .workers = 1};
}

void load_train(benchmark::State& state, const std::string& path) {
  const OneVideo video(path, 8 * kBatch);
  TrainLoader loader(video, training());
  int64_t clips = 0, epoch = 0;
  for (auto _ : state) {
    loader.start(epoch++);
    while (const auto batch = loader.next()) clips += int64_t(batch->labels.size());
  }
  state.counters["clips/s"] = benchmark::Counter(double(clips), benchmark::Counter::kIsRate);
}

void train_clip(benchmark::State& state, const std::string& path) {
  const TrainLoaderOptions options = training();
  VideoReader reader(path);
  const auto index = reader.index();
  const VideoInfo info = reader.info();
  FfmpegWindow ffmpeg(path);
  double ours = 0, decoding = 0, opening = 0;
  uint64_t clips = 0;
  BatchMemory memory(size_t(kBatch) * 40 * 224 * 224 * 3 * sizeof(float));
  Tensor fast, slow;
  for (auto _ : state) {
    const CounterRng rng(clips);
    const double start = seconds();
    const int64_t place = int64_t(clips++ % kBatch);
    if (place == 0) {
      fast = slow = {};
      fast = memory.tensor({Shape{kBatch, 32, 224, 224, 3}, DType::f32});
      slow = memory.tensor({Shape{kBatch, 8, 224, 224, 3}, DType::f32});
    }
    const ClipPlace to{.fast = fast.span<float>().data() + place * (fast.numel() / kBatch),
                       .slow = slow.span<float>().data() + place * (slow.numel() / kBatch)};
    read_random_clips(path, {.index = index}, options, 224, rng, {&to, 1});
    const double end = seconds();
    const auto choice =
        random_clips(options, 224, {info.height, info.width}, frames_of(*index), info.fps, rng);
    const double before = seconds();
    ffmpeg.decode(choice[0].frames.front(), choice[0].frames.back());
    const double decoded = seconds();
    const FfmpegWindow opened(path);
    ours += end - start;
    decoding += decoded - before;
    opening += seconds() - decoded;
    state.SetIterationTime(end - start);
  }
  state.counters["clips/s"] = double(clips) / ours;
  state.counters["of_decode"] = decoding / ours;
  state.counters["of_open_and_decode"] = (decoding + opening) / ours;
}

// A copy of the video with a key frame every 32 frames.
std::filesystem::path with_key_frames(const std::filesystem::path& video) {
  auto path = std::filesystem::temp_directory_path() / "key32.mp4";
  VideoReader reader(video);
  VideoWriter writer(
      path,
      {.width = reader.info().width, .height = reader.info().height, .key_frame_interval = 32});
  std::vector<int64_t> all(size_t(reader.frame_count()));
  std::iota(all.begin(), all.end(), 0);
  reader.visit(all, [&](size_t, const Picture& picture) { writer.write(picture); });
  writer.finish();
  return path;
}

void register_video(const std::filesystem::path& path) {
  VideoReader(path).info();  // throws for files that are no videos
  const std::string name = path.filename().string(), whole = path.string();
  const auto add = [&](const char* kind, auto run) {
    return benchmark::RegisterBenchmark((kind + name).c_str(), run, whole)
        ->Unit(benchmark::kMillisecond);
  };
  add("decode/", decode)->UseRealTime();
  add("load_test/", load_test)->UseRealTime();
  add("load_train/", load_train)->UseRealTime();
  add("train_clip/", train_clip)->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  try {
    std::vector<std::filesystem::path> videos(argv + 1, argv + argc);
    if (videos.empty()) {
      const auto folder = std::filesystem::path(SF_SOURCE_DIR) / "tests/golden/videos";
      for (const char* name :
           {"arm_wrestling.mp4", "short_32_frames.mp4", "six_fps.mp4", "test.avi", "test.mp4"})
        videos.push_back(folder / name);
      videos.push_back(with_key_frames(folder / "test.mp4"));
    }
    for (const auto& video : videos) register_video(video);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_data: %s\n", e.what());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
