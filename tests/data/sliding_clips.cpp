#include "data/sliding_clips.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "data/test_loader.h"
#include "kernels/base/error.h"
#include "moving_video.h"
#include "temporary_folder.h"
#include "videos.h"

namespace sf {
namespace {

std::vector<std::pair<double, double>> windows(double frames, double clip, double overlap) {
  std::vector<std::pair<double, double>> all;
  for (const Window& w : sliding_windows(frames, clip, overlap)) all.emplace_back(w.start, w.end);
  return all;
}

using Pairs = std::vector<std::pair<double, double>>;

TEST(SlidingWindows, FollowEachOtherAndEndWithTheVideo) {
  EXPECT_EQ(windows(30, 10, 0), (Pairs{{0, 9}, {10, 19}, {20, 29}}));
  EXPECT_EQ(windows(33, 10, 0), (Pairs{{0, 9}, {10, 19}, {20, 29}, {23, 32}}));
  EXPECT_EQ(windows(20, 10, 5), (Pairs{{0, 9}, {5, 14}, {10, 19}}));
  EXPECT_EQ(windows(25, 12.5, 0), (Pairs{{0, 11.5}, {12.5, 24}}));
  EXPECT_EQ(windows(7, 10, 3), (Pairs{{0, 9}}));
  EXPECT_EQ(windows(1, 1, 0), (Pairs{{0, 0}}));
}

TEST(SlidingWindows, MisuseIsNamed) {
  EXPECT_THROW(sliding_windows(0, 10, 0), Error);
  EXPECT_THROW(sliding_windows(10, 10, 6), Error);
  EXPECT_THROW(sliding_windows(10, 10, -1), Error);
}

TestLoaderOptions options() {
  return {.sampling = {.num_frames = 8, .sampling_rate = 2, .target_fps = 30},
          .views = 2,
          .crops = 3,
          .short_side = 24,
          .crop_size = 20,
          .alpha = 4,
          .workers = 0};
}

std::vector<float> floats(const Tensor& t) {
  return {t.span<float>().begin(), t.span<float>().end()};
}

// A clip as long as half of the video is what a test takes as its first view; the last ends with
// the video, as the last view does with offset sampling.
TEST(SlidingClips, GiveTheFramesAndPixelsOfATestsViews) {
  const TemporaryFolder folder;
  for (int frames : {32, 27, 11}) {
    SCOPED_TRACE(frames);
    const std::string path = write_moving_video(folder.path() / cat(frames, ".mp4"), frames, {});
    Videos videos;
    videos.add(path);
    TestLoaderOptions o = options();
    o.sampling.offset_sampling = true;
    TestLoader loader(videos, o);
    SlidingClips clips(path, o);
    EXPECT_EQ(clips.clips(), frames > 16 ? 2 : 1);
    for (int view = 0; view < clips.clips(); ++view) {
      const auto clip = clips.next();
      ASSERT_TRUE(clip);
      ASSERT_EQ(clip->crops.size(), 3u);
      EXPECT_EQ(clip->window.start, view == 0 ? 0 : frames - 16);
      for (const auto& pathways : clip->crops) {
        const auto item = loader.next();
        ASSERT_TRUE(item && item->fault.empty());
        ASSERT_EQ(pathways.size(), 2u);
        for (size_t p = 0; p < 2; ++p) {
          EXPECT_EQ(pathways[p].shape(), item->pathways[p].shape());
          EXPECT_EQ(floats(pathways[p]), floats(item->pathways[p]));
        }
      }
    }
    EXPECT_FALSE(clips.next());
  }
}

TEST(SlidingClips, OverlapsChangeNoPixel) {
  const TemporaryFolder folder;
  const std::string path = write_moving_video(folder.path() / "video.mp4", 50, {});
  const TestLoaderOptions o = options();
  SlidingClips clips(path, o, 6);
  VideoReader reader(path);
  Resampler resampler({36, 52}, short_side_size({36, 52}, 24),
                      uniform_crop(short_side_size({36, 52}, 24), 20, 1), o.normalization);
  int count = 0;
  for (; auto clip = clips.next(); ++count) {
    EXPECT_EQ(clip->window.start, std::min(10 * count, 34));
    const auto indices = window_indices(clip->window, 8, 50);
    std::vector<float> expected(8 * 20 * 20 * 3);
    reader.visit(indices, [&](size_t k, const Picture& picture) {
      resampler.run(picture, expected.data() + k * 20 * 20 * 3);
    });
    EXPECT_EQ(floats(clip->crops[1][1]), expected);
  }
  EXPECT_EQ(count, 5);
  EXPECT_EQ(clips.clips(), 5);
}

TEST(SlidingClips, AVideoThatEndsEarlyHasFewerClips) {
  const TemporaryFolder folder;
  // In this container the header, which is whole, tells the number of frames.
  const std::string whole =
      write_moving_video(folder.path() / "whole.avi", 90, {.key_frame_interval = 1});
  const std::string content = file_content(whole);
  const std::string cut = folder.write("cut.avi", content.substr(0, content.size() * 2 / 3));
  SlidingClips clips(cut, options());
  const int64_t promised = clips.frames();
  std::vector<double> starts;
  while (const auto clip = clips.next()) starts.push_back(clip->window.start);
  const int64_t found = VideoReader(cut).frame_count();
  ASSERT_LT(found, promised);
  EXPECT_EQ(clips.frames(), found);
  std::vector<double> expected;
  for (const Window& w : sliding_windows(double(found), 16, 0)) expected.push_back(w.start);
  EXPECT_EQ(starts, expected);
}

}  // namespace
}  // namespace sf
