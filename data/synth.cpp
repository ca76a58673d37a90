#include "data/synth.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>

#include "data/synth_scene.h"
#include "data/video_writer.h"
#include "kernels/base/error.h"
#include "kernels/base/threads.h"
#include "tensor/atomic_file.h"

namespace sf {
namespace {

std::string video_name(int64_t index) {
  char name[32];
  std::snprintf(name, sizeof name, "videos/%06lld.mp4", static_cast<long long>(index));
  return name;
}

void write_video(const std::filesystem::path& path, const Scene& scene) {
  const SceneRenderer renderer(scene);
  // Readers of short clips decode from a key frame on.
  VideoWriter writer(path, {.width = scene.width,
                            .height = scene.height,
                            .key_frame_interval = 16,
                            .fast_decoding = true});
  for (int frame = 0; frame < scene.frames; ++frame) {
    const std::vector<uint8_t> rgb = renderer.render(frame);
    writer.write({rgb.data(), int64_t(scene.width) * 3, scene.width, scene.height});
  }
  writer.finish();
}

}  // namespace

SynthCounts synthesize(const SynthOptions& o) {
  SF_CHECK(o.videos >= 3, "synth: wanted at least 3 videos, found ", o.videos);
  SF_CHECK(o.videos <= 1'000'000, "synth: wanted at most 1000000 videos, found ", o.videos);
  const int64_t held_out = std::max<int64_t>(1, o.videos * 15 / 100);
  const SynthCounts counts{.train = o.videos - 2 * held_out, .val = held_out, .test = held_out};
  // Labels count from 0 in each list, so that each is balanced.
  const auto label = [&](int64_t index) {
    if (index >= counts.train + counts.val) index -= counts.train + counts.val;
    if (index >= counts.train) index -= counts.train;
    return int(index % int64_t(kMotionClasses.size()));
  };

  std::error_code error;
  std::filesystem::create_directories(o.dir / "videos", error);
  SF_CHECK(!error, o.dir.string(), ": ", error.message());
  std::mutex mutex;
  std::exception_ptr failure;
  int64_t done = 0;
  parallel_for(o.videos, 1, [&](int64_t i) {
    try {
      write_video(o.dir / video_name(i), make_scene(o.seed, i, label(i)));
      std::lock_guard lock(mutex);
      ++done;
      if (o.progress) o.progress(done);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);

  int64_t next = 0;
  const auto write_list = [&](const char* name, int64_t count) {
    std::string text;
    for (const int64_t end = next + count; next < end; ++next)
      text += cat(video_name(next), " ", label(next), "\n");
    write_atomically(o.dir / name, text);
  };
  write_list("train.csv", counts.train);
  write_list("val.csv", counts.val);
  write_list("test.csv", counts.test);
  std::string names;
  for (std::string_view name : kMotionClasses) names += cat(name, "\n");
  write_atomically(o.dir / "classes.txt", names);
  return counts;
}

}  // namespace sf
