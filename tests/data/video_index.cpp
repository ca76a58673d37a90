#include "data/video_index.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "data/codecs.h"
#include "data/video_reader.h"
#include "golden.h"
#include "kernels/base/counter_rng.h"
#include "moving_video.h"
#include "temporary_folder.h"

namespace sf {
namespace {

using Indices = std::vector<int64_t>;
using Pictures = std::vector<std::vector<uint8_t>>;

std::vector<uint8_t> bytes_of(const Picture& p) {
  std::vector<uint8_t> bytes;
  for (int y = 0; y < p.height; ++y)
    bytes.insert(bytes.end(), p.row(y), p.row(y) + int64_t(p.width) * 3);
  return bytes;
}

Pictures all_pictures(const std::string& path) {
  VideoReader reader(path);
  Indices all(size_t(reader.frame_count()));
  std::iota(all.begin(), all.end(), 0);
  Pictures pictures;
  reader.visit(all, [&](size_t, const Picture& p) { pictures.push_back(bytes_of(p)); });
  return pictures;
}

Pictures window_pictures(VideoReader& reader, const Indices& indices) {
  Pictures pictures(indices.size());
  const size_t n =
      reader.visit_window(indices, [&](size_t k, const Picture& p) { pictures[k] = bytes_of(p); });
  pictures.resize(n);
  return pictures;
}

Pictures chosen(const Pictures& all, const Indices& indices) {
  Pictures some;
  for (int64_t i : indices) some.push_back(all.at(size_t(i)));
  return some;
}

// Windows of several lengths and distances all over a video, also with repeats.
std::vector<Indices> windows(int64_t frames) {
  std::vector<Indices> all = {{frames - 1, frames - 1}, {0, frames - 1}};
  for (int64_t start = 0; start < frames; start += 9) {
    for (int64_t step : {0, 1, 2, 7}) {
      Indices w;
      for (int64_t i = 0; i < 6; ++i) w.push_back(std::min(start + i * step, frames - 1));
      all.push_back(std::move(w));
    }
  }
  return all;
}

void expect_windows_of(const std::string& path) {
  const Pictures all = all_pictures(path);
  VideoReader one(path);
  const auto index = one.index();
  ASSERT_EQ(frames_of(*index), int64_t(all.size())) << path;
  for (const Indices& w : windows(int64_t(all.size()))) {
    const Pictures wanted = chosen(all, w);
    EXPECT_EQ(window_pictures(one, w), wanted) << path << " from " << w[0] << " again";
    VideoReader fresh(path);
    EXPECT_EQ(window_pictures(fresh, w), wanted) << path << " from " << w[0];
    VideoReader indexed(path, {.index = index});
    EXPECT_EQ(window_pictures(indexed, w), wanted) << path << " from " << w[0] << " by an index";
  }
}

TEST(VideoIndex, WindowsAreTheFramesOfTheWholeVideo) {
  const TemporaryFolder folder;
  for (const std::string name : {"a.mp4", "b.mkv", "c.avi"}) {
    for (int interval : {1, 7, 30}) {
      for (bool open_groups : {false, true}) {
        expect_windows_of(write_moving_video(folder.path() / name, 47,
                                             {.fps_num = 30000,
                                              .fps_den = 1001,
                                              .key_frame_interval = interval,
                                              .open_groups = open_groups}));
      }
    }
  }
}

TEST(VideoIndex, WindowsOfRealVideosAreTheirFrames) {
  for (const std::string& name : golden_videos()) {
    const Pictures all = all_pictures(golden_video(name));
    const auto index = VideoReader(golden_video(name)).index();
    ASSERT_EQ(frames_of(*index), int64_t(all.size())) << name;
    const int64_t last = frames_of(*index) - 1;
    for (const Indices& w : {Indices{3, 9, 20}, Indices{last / 2, last / 2 + 2}, Indices{last}}) {
      VideoReader reader(golden_video(name), {.index = index});
      EXPECT_EQ(window_pictures(reader, w), chosen(all, w)) << name << " from " << w[0];
    }
  }
}

TEST(VideoIndex, AWindowCostsTheFramesFromTheKeyFrameBefore) {
  if (video_encoder() != "libx264") GTEST_SKIP() << "needs libx264";
  const TemporaryFolder folder;
  for (const std::string name : {"a.mp4", "b.mkv"}) {
    const std::string path =
        write_moving_video(folder.path() / name, 60, {.key_frame_interval = 10});
    const auto index = VideoReader(path).index();
    const auto cost = [&](const Indices& indices) {
      VideoReader reader(path, {.index = index});
      window_pictures(reader, indices);
      return reader.decoded_frames();
    };
    EXPECT_LE(cost({33, 34, 35}), 6) << name;
    EXPECT_EQ(cost({50}), 1) << name;
    // Of the frames between, those that no other needs are left out.
    EXPECT_LT(cost({30, 39}), 9) << name;
  }
}

TEST(VideoIndex, TimesTellFramesAtConstantAndOtherRates) {
  const FrameTimes even(Indices{-20, 10, 40, 70});
  EXPECT_EQ(even.bytes(), 0u);
  const FrameTimes uneven(Indices{-20, 10, 41, 70});
  for (const FrameTimes* times : {&even, &uneven}) {
    EXPECT_EQ(times->size(), 4);
    EXPECT_EQ(times->frame_at(-20), 0);
    EXPECT_EQ(times->frame_at(10), 1);
    EXPECT_EQ(times->frame_at(70), 3);
    for (int64_t other : {int64_t(-21), int64_t(-19), int64_t(0), int64_t(71), int64_t(100),
                          std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()})
      EXPECT_FALSE(times->frame_at(other)) << other;
  }
  EXPECT_EQ(uneven.frame_at(41), 2);
  EXPECT_FALSE(FrameTimes().frame_at(0));
  EXPECT_EQ(FrameTimes(Indices{5}).frame_at(5), 0);
}

TEST(VideoIndex, CountsThePacketsOfTruncatedFiles) {
  const TemporaryFolder folder;
  const std::string avi = file_content(golden_video("test.avi"));
  VideoReader half(folder.write("half.avi", avi.substr(0, avi.size() / 2)));
  EXPECT_EQ(frames_of(*half.index()), half.frame_count());
}

TEST(VideoIndex, AnIndexOfAnotherFileIsNotUsed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.mp4";
  write_moving_video(path, 30, {.key_frame_interval = 10});
  const auto index = VideoReader(path).index();
  std::filesystem::remove(path);
  write_moving_video(path, 24, {.key_frame_interval = 7}, 3);
  VideoReader reader(path, {.index = index});
  EXPECT_EQ(frames_of(*reader.index()), 24);
  EXPECT_EQ(window_pictures(reader, {15, 20}), chosen(all_pictures(path.string()), {15, 20}));
}

TEST(VideoIndex, DamagedVideosGiveTheSameFramesWithAndWithoutAnEarlierIndex) {
  const TemporaryFolder folder;
  const std::string intact =
      file_content(write_moving_video(folder.path() / "a.mp4", 40, {.key_frame_interval = 10}));
  int read = 0;
  for (uint64_t trial = 0; trial < 12; ++trial) {
    const CounterRng rng(trial);
    std::string damaged = intact;
    // Among the pictures, which come first.
    for (uint64_t i = 0; i < 3 + trial; ++i)
      damaged[60 + rng.bits(2 * i) % (damaged.size() / 2)] = char(rng.bits(2 * i + 1));
    const std::string path = folder.write("damaged.mp4", damaged);
    for (const Indices& w : {Indices{4, 6, 11}, Indices{22, 23, 37}}) {
      Pictures first, second;
      const auto error = [&](Pictures& pictures, const std::shared_ptr<const VideoIndex>& index) {
        return message_of<Error>([&] {
          VideoReader reader(path, {.index = index});
          pictures = window_pictures(reader, w);
        });
      };
      std::shared_ptr<const VideoIndex> index;
      message_of<Error>([&] { index = VideoReader(path).index(); });
      EXPECT_EQ(error(first, nullptr), error(second, index));
      EXPECT_EQ(first, second) << "trial " << trial;
      read += first.size() == 3;
    }
  }
  EXPECT_GT(read, 6);
}

}  // namespace
}  // namespace sf
