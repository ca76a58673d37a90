#include "data/clip_reader.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "data/random_draws.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "moving_video.h"
#include "resample_reference.h"
#include "temporary_folder.h"

namespace sf {
namespace {

TrainLoaderOptions small() {
  return {.sampling = {.num_frames = 8, .sampling_rate = 4},
          .jitter = {.min_short_side = 44, .max_short_side = 60},
          .alpha = 4};
}

// A clip, straight from the definitions.
std::vector<float> clip_by_definition(const TrainLoaderOptions& o, const Tensor& frames,
                                      const ClipChoice& choice) {
  const int64_t height = frames.shape()[1], width = frames.shape()[2];
  std::vector<float> clip;
  for (size_t t = 0; t < choice.frames.size(); ++t) {
    const SpatialChoice& c = choice.spatial[choice.spatial.size() == 1 ? 0 : t];
    Picture picture{frames.span<uint8_t>().data() + choice.frames[t] * height * width * 3,
                    width * 3, int(width), int(height)};
    PictureChanger changer;
    if (o.rand_augment) {
      picture = changer.run(
          picture, rand_augment(*o.rand_augment, derived(choice.augmentation, 0), int64_t(t)));
    }
    const Tensor frame =
        resample_reference(part_of(picture, c.from), c.size, c.crop, o.normalization);
    clip.insert(clip.end(), frame.span<float>().begin(), frame.span<float>().end());
    if (!c.mirror) continue;
    for (auto row = clip.end() - frame.numel(); row != clip.end(); row += c.crop.width * 3) {
      std::reverse(row, row + c.crop.width * 3);
      for (int x = 0; x < c.crop.width; ++x) std::swap(row[3 * x], row[3 * x + 2]);
    }
  }
  if (o.random_erasing) {
    const Box crop = choice.spatial[0].crop;
    erase_randomly({clip.data(), int64_t(choice.frames.size()), crop.height, crop.width},
                   *o.random_erasing, derived(choice.augmentation, 1));
  }
  return clip;
}

void expect_clips_by_definition(const TrainLoaderOptions& o, uint64_t key) {
  constexpr int kCrop = 40;
  constexpr size_t kFrame = kCrop * kCrop * 3, kClip = 8 * kFrame;
  const std::string path = golden_video("short_32_frames.mp4");
  VideoReader reader(path);
  std::vector<int64_t> all(32);
  std::iota(all.begin(), all.end(), 0);
  const Tensor frames = reader.frames(all);
  const auto choices = random_clips(o, kCrop, {reader.info().height, reader.info().width}, 32,
                                    reader.info().fps, CounterRng(key));
  ASSERT_EQ(choices.size(), size_t(o.windows) * size_t(o.copies));
  std::vector<std::vector<float>> fast(choices.size(), std::vector<float>(kClip)),
      slow(choices.size(), std::vector<float>(2 * kFrame));
  std::vector<ClipPlace> places;
  for (size_t i = 0; i < choices.size(); ++i) places.push_back({fast[i].data(), slow[i].data()});
  read_random_clips(path, {.pictures = BatchMemory(0, o.device)}, o, kCrop, CounterRng(key),
                    places);
  for (size_t i = 0; i < choices.size(); ++i) {
    const auto wanted = clip_by_definition(o, frames, choices[i]);
    EXPECT_EQ(fast[i], wanted) << "key " << key << " clip " << i;
    // 8 / 4 = 2 slow frames: the first and the last.
    std::vector<float> ends(wanted.begin(), wanted.begin() + kFrame);
    ends.insert(ends.end(), wanted.end() - kFrame, wanted.end());
    EXPECT_EQ(slow[i], ends) << "key " << key << " clip " << i;
  }
}

TEST(ClipReader, ClipsAreTheDefinitionsOfTheirChoices) {
  for (uint64_t key = 0; key < 4; ++key) {
    TrainLoaderOptions o = small();
    expect_clips_by_definition(o, key);
    o.windows = o.copies = 2;
    o.normalization.reverse_channels = true;
    o.normalization.mean = {0.4f, 0.5f, 0.6f};
    expect_clips_by_definition(o, key);
    o.jitter.relative = RelativeCrop{};
    o.frame_order = FrameOrder::shuffled;
    expect_clips_by_definition(o, key);
    o.jitter.relative->motion_shift = true;
    expect_clips_by_definition(o, key);
    // Longer than the video: the last frame repeats.
    o.sampling.sampling_rate = 8;
    expect_clips_by_definition(o, key);
    o.frame_order = FrameOrder::single;
    expect_clips_by_definition(o, key);
  }
}

TEST(ClipReader, AugmentedClipsAreTheDefinitionsOfTheirChoices) {
  TrainLoaderOptions o = small();
  o.rand_augment = {.layers = 3, .magnitude = 9, .magnitude_std = 0.5, .increasing = true};
  o.random_erasing = {.probability = 0.8, .most_boxes = 2};
  o.copies = 2;
  for (uint64_t key = 0; key < 4; ++key) {
    o.sampling.sampling_rate = key == 3 ? 8 : 4;  // 8: longer than the video
    expect_clips_by_definition(o, key);
  }
}

std::vector<ClipChoice> choices(const TrainLoaderOptions& o, uint64_t key, int64_t frames = 300,
                                double fps = 30) {
  return random_clips(o, 40, {120, 160}, frames, fps, CounterRng(key));
}

TEST(ClipReader, CopiesShareTheirFramesAndWindowsDoNot) {
  TrainLoaderOptions o = small();
  o.windows = 2;
  o.copies = 3;
  const auto clips = choices(o, 1);
  ASSERT_EQ(clips.size(), 6u);
  EXPECT_NE(clips[0].frames, clips[3].frames);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(clips[i].frames, clips[i / 3 * 3].frames);
    for (size_t j = 0; j < i; ++j) EXPECT_NE(clips[i].spatial, clips[j].spatial);
  }
}

TEST(ClipReader, WindowsStartAnywhereInTheVideo) {
  std::set<int64_t> starts;
  for (uint64_t key = 0; key < 3000; ++key) {
    const auto frames = choices(small(), key)[0].frames;
    // 32 frames: 0, 4, 8, 13, ..., 31 from the start on, each cut to a whole number.
    EXPECT_TRUE(frames.back() - frames.front() == 31 || frames.back() - frames.front() == 30);
    EXPECT_LE(frames.back(), 299);
    starts.insert(frames.front());
  }
  EXPECT_EQ(*starts.begin(), 0);
  EXPECT_EQ(*starts.rbegin(), 267);  // U(0, 268)
  EXPECT_EQ(starts.size(), 268u);
}

TEST(ClipReader, RatesAreDrawnFromTheRangeBothEndsIncluded) {
  TrainLoaderOptions o = small();
  o.max_sampling_rate = 6;
  std::set<int64_t> lengths;
  for (uint64_t key = 0; key < 300; ++key) {
    const auto frames = choices(o, key)[0].frames;
    lengths.insert((frames.back() - frames.front() + 1) / 8);
  }
  // Rates 4, 5 and 6 cover 32, 40 and 48 frames; cutting may take one.
  EXPECT_TRUE(lengths.contains(4));
  EXPECT_TRUE(lengths.contains(5));
  EXPECT_TRUE(lengths.contains(6));
  EXPECT_FALSE(lengths.contains(7));
}

TEST(ClipReader, AJitteredRateShortensTheWindow) {
  TrainLoaderOptions o = small();
  o.sampling.sampling_rate = 10;
  o.fps_jitter = 30;
  int64_t shortest = 1000, longest = 0;
  for (uint64_t key = 0; key < 300; ++key) {
    const auto frames = choices(o, key)[0].frames;
    shortest = std::min(shortest, frames.back() - frames.front() + 1);
    longest = std::max(longest, frames.back() - frames.front() + 1);
  }
  EXPECT_TRUE(shortest >= 39 && shortest <= 42) << shortest;  // 80 frames at 60 a second: 40 at 30
  EXPECT_TRUE(longest >= 77 && longest <= 80) << longest;
}

TEST(ClipReader, AFileThatHoldsFewerFramesThanPacketsIsSampledAnew) {
  const TemporaryFolder folder;
  std::string mp4 =
      file_content(write_moving_video(folder.path() / "a.mp4", 60, {.key_frame_interval = 10}));
  // The pictures lie before the table of their places.
  const auto moov = int64_t(mp4.rfind("moov"));
  std::fill(mp4.begin() + moov / 2, mp4.begin() + moov - 4, '\0');
  const std::string path = folder.write("hollow.mp4", mp4);
  VideoReader reader(path);
  const int64_t frames = reader.frame_count();
  ASSERT_GT(frames, 8);
  ASSERT_LT(frames, frames_of(*reader.index()));
  for (uint64_t key = 0; key < 4; ++key) {
    const auto clip = [&] {
      std::vector<float> values(10 * 40 * 40 * 3);
      const ClipPlace place{values.data(), values.data() + 8 * 40 * 40 * 3};
      read_random_clips(path, {}, small(), 40, CounterRng(key), {&place, 1});
      return values;
    };
    EXPECT_EQ(clip(), clip());
  }
}

TEST(ClipReader, ReadsAgainByItsIndex) {
  const std::string path = golden_video("test.mp4");
  std::vector<float> first(10 * 40 * 40 * 3), second(first.size());
  const ClipPlace one{first.data(), &first[8 * 40 * 40 * 3]};
  const ClipPlace two{second.data(), &second[8 * 40 * 40 * 3]};
  const auto index = read_random_clips(path, {}, small(), 40, CounterRng(2), {&one, 1});
  EXPECT_EQ(read_random_clips(path, {.index = index}, small(), 40, CounterRng(2), {&two, 1}),
            index);
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace sf
