#include "data/test_loader.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "data/video_reader.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "resample_reference.h"
#include "temporary_folder.h"
#include "videos.h"

namespace sf {
namespace {

TestLoaderOptions small() {
  return {.sampling = {.num_frames = 8, .sampling_rate = 4},
          .views = 2,
          .crops = 3,
          .short_side = 48,
          .crop_size = 40,
          .alpha = 4,
          .workers = 2,
          .decode_timeout_seconds = 60};
}

std::vector<TestItem> all_items(const Dataset& dataset, const TestLoaderOptions& options) {
  std::vector<TestItem> items;
  TestLoader loader(dataset, options);
  while (auto item = loader.next()) items.push_back(std::move(*item));
  EXPECT_FALSE(loader.next()) << "after the end";
  EXPECT_LE(loader.peak_bytes(), options.memory_bytes);
  return items;
}

std::vector<float> values(const Tensor& t) {
  return {t.span<float>().begin(), t.span<float>().end()};
}

// Good, bad and missing videos in turn.
struct Mixed {
  TemporaryFolder folder;
  Videos dataset;

  Mixed() {
    const std::string avi = file_content(golden_video("test.avi"));
    dataset.add(golden_video("short_32_frames.mp4"));
    dataset.add(folder.write("text.mp4", "no video"));
    dataset.add(folder.path().string() + "/absent.mp4", "absent.mp4: no such file");
    dataset.add(folder.write("half.avi", avi.substr(0, avi.size() / 2)));
    dataset.add(golden_video("audio_only.avi"));
    dataset.add(golden_video("six_fps.mp4"));
    // A header and no frames.
    dataset.add(folder.write("none.avi", avi.substr(0, avi.find("movi") + 4)));
    dataset.add(golden_video("six_fps.mp4"));
  }
};

TEST(TestLoader, ItemsComeInOrderAndFaultsTakeThePlaceOfClips) {
  const Mixed mixed;
  const auto items = all_items(mixed.dataset, small());
  size_t i = 0;
  for (int64_t video = 0; video < mixed.dataset.size(); ++video) {
    const bool bad = video == 1 || video == 2 || video == 4 || video == 6;
    for (int clip = 0; clip < (bad ? 1 : 6); ++clip, ++i) {
      ASSERT_LT(i, items.size());
      EXPECT_EQ(items[i].video, video);
      EXPECT_EQ(items[i].label, 10 + video);
      EXPECT_EQ(items[i].fault.empty(), !bad) << items[i].fault;
      EXPECT_EQ(items[i].view, clip / 3);
      EXPECT_EQ(items[i].crop, clip % 3);
      EXPECT_EQ(items[i].pathways.size(), bad ? 0u : 2u);
    }
  }
  EXPECT_EQ(i, items.size());
}

TEST(TestLoader, WorkersAndMemoryChangeNoBit) {
  const Mixed mixed;
  TestLoaderOptions options = small();
  options.workers = 0;
  const auto wanted = all_items(mixed.dataset, options);
  for (int workers : {1, 4}) {
    // The second bound holds the frames of one video at a time.
    for (int64_t memory : {int64_t(1) << 30, int64_t(1) << 20}) {
      options.workers = workers;
      options.memory_bytes = memory;
      const auto found = all_items(mixed.dataset, options);
      ASSERT_EQ(found.size(), wanted.size());
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].video, wanted[i].video);
        EXPECT_EQ(found[i].fault, wanted[i].fault);
        ASSERT_EQ(found[i].pathways.size(), wanted[i].pathways.size());
        for (size_t p = 0; p < found[i].pathways.size(); ++p) {
          EXPECT_EQ(values(found[i].pathways[p]), values(wanted[i].pathways[p]))
              << workers << " workers, item " << i;
        }
      }
    }
  }
}

// The clip of one view and crop, straight from the definitions.
Tensor clip_by_definition(const std::string& path, const TestLoaderOptions& o, int view, int crop) {
  VideoReader reader(path);
  const auto indices =
      view_indices(o.sampling, reader.frame_count(), reader.info().fps, view, o.views);
  const Tensor frames = reader.frames(indices);
  const int height = int(frames.shape()[1]);
  const int width = int(frames.shape()[2]);
  const PictureSize size = short_side_size({height, width}, o.short_side);
  Tensor clip({Shape{int64_t(indices.size()), o.crop_size, o.crop_size, 3}, DType::f32});
  for (size_t t = 0; t < indices.size(); ++t) {
    const uint8_t* frame = frames.span<uint8_t>().data() + int64_t(t) * height * width * 3;
    const Tensor one = resample_reference({frame, int64_t(width) * 3, width, height}, size,
                                          uniform_crop(size, o.crop_size, crop), o.normalization);
    std::copy(one.span<float>().begin(), one.span<float>().end(),
              clip.span<float>().begin() + int64_t(t) * one.numel());
  }
  return clip;
}

TEST(TestLoader, ClipsAreTheDefinitionsAlsoWhereTheHeaderLiesAboutTheFrames) {
  const Mixed mixed;
  for (int crops : {1, 2, 3}) {
    TestLoaderOptions options = small();
    options.crops = crops;
    options.normalization.reverse_channels = crops == 2;
    for (const TestItem& item : all_items(mixed.dataset, options)) {
      if (!item.fault.empty() || item.video == 7) continue;
      const Tensor wanted = clip_by_definition(mixed.dataset.video(item.video).path, options,
                                               item.view, crops == 1 ? 1 : item.crop);
      ASSERT_EQ(item.pathways[1].shape(), wanted.shape());
      EXPECT_EQ(values(item.pathways[1]), values(wanted))
          << "video " << item.video << " view " << item.view;
      // 8 / 4 = 2 slow frames: the first and the last.
      const auto all = values(wanted);
      const int64_t frame = wanted.numel() / 8;
      std::vector<float> slow(all.begin(), all.begin() + frame);
      slow.insert(slow.end(), all.end() - frame, all.end());
      EXPECT_EQ(values(item.pathways[0]), slow);
    }
  }
}

TEST(TestLoader, ASinglePathwayIsTheWholeClip) {
  Videos videos;
  videos.add(golden_video("short_32_frames.mp4"));
  TestLoaderOptions options = small();
  options.alpha = 0;
  for (const TestItem& item : all_items(videos, options)) {
    ASSERT_EQ(item.pathways.size(), 1u);
    EXPECT_EQ(item.pathways[0].shape(), (Shape{8, 40, 40, 3}));
  }
}

TEST(TestLoader, OtherOrdersTakeTheFramesOfTheClip) {
  Videos videos;
  videos.add(golden_video("short_32_frames.mp4"));
  TestLoaderOptions options = small();
  options.alpha = 0;
  const auto natural = all_items(videos, options);
  const auto frames_of = [](const TestItem& item) {
    const auto all = values(item.pathways[0]);
    const auto size = std::ptrdiff_t(all.size() / 8);
    std::vector<std::vector<float>> frames;
    for (auto at = all.begin(); at != all.end(); at += size) frames.emplace_back(at, at + size);
    return frames;
  };
  options.frame_order = FrameOrder::single;
  const auto single = all_items(videos, options);
  options.frame_order = FrameOrder::shuffled;
  const auto shuffled = all_items(videos, options);
  ASSERT_EQ(single.size(), natural.size());
  ASSERT_EQ(shuffled.size(), natural.size());
  for (size_t i = 0; i < natural.size(); ++i) {
    auto wanted = frames_of(natural[i]);
    EXPECT_EQ(frames_of(single[i]), std::vector(8, wanted[4]));
    auto found = frames_of(shuffled[i]);
    EXPECT_NE(found, wanted);
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(found, wanted);
  }
}

TEST(TestLoader, AVideoThatDoesNotFitIsAFault) {
  Videos videos;
  videos.add(golden_video("short_32_frames.mp4"));
  videos.add(golden_video("short_32_frames.mp4"));
  TestLoaderOptions options = small();
  options.memory_bytes = 600'000;  // a clip takes 192000, the 8 frames of all views 245760 and more
  options.sampling.num_frames = 8;
  options.sampling.sampling_rate = 1;
  options.views = 4;
  const auto items = all_items(videos, options);
  ASSERT_EQ(items.size(), 2u);
  for (const TestItem& item : items)
    EXPECT_NE(item.fault.find("SF.LOADER_MEMORY"), std::string::npos) << item.fault;
  options.memory_bytes = 100'000;
  EXPECT_THROW(TestLoader(videos, options), Error);
}

TEST(TestLoader, TimeoutsAreFaults) {
  Videos videos;
  videos.add(golden_video("short_32_frames.mp4"));
  TestLoaderOptions options = small();
  options.decode_timeout_seconds = 0;
  const auto items = all_items(videos, options);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_NE(items[0].fault.find("longer than 0 seconds"), std::string::npos);
}

TEST(TestLoader, DestructionInTheMiddleEndsTheWork) {
  Videos videos;
  for (int i = 0; i < 50; ++i) videos.add(golden_video("test.mp4"));
  for (int taken : {0, 1, 7}) {
    TestLoader loader(videos, small());
    for (int i = 0; i < taken; ++i) EXPECT_TRUE(loader.next());
  }
}

TEST(TestLoader, AnEmptyDataSetYieldsNothing) {
  for (int workers : {0, 2}) {
    TestLoaderOptions options = small();
    options.workers = workers;
    EXPECT_TRUE(all_items(Videos(), options).empty());
  }
}

TEST(TestLoader, MisuseIsNamed) {
  const Videos videos;
  TestLoaderOptions options = small();
  options.crops = 4;
  EXPECT_THROW(TestLoader(videos, options), Error);
  options = small();
  options.crop_size = 49;
  EXPECT_THROW(TestLoader(videos, options), Error);
  options = small();
  options.views = 0;
  EXPECT_THROW(TestLoader(videos, options), Error);
}

TEST(TestLoader, PartsOfTheVideosAreTheItemsOfAll) {
  const Mixed mixed;
  TestLoaderOptions options = small();
  options.frame_order = FrameOrder::shuffled;
  const auto wanted = all_items(mixed.dataset, options);
  const int64_t videos = mixed.dataset.size();
  std::vector<TestItem> found;
  for (const auto& [first, end] : {std::pair<int64_t, int64_t>{0, 2}, {2, 2}, {2, videos}}) {
    options.first_video = first;
    options.videos = end - first;
    for (TestItem& item : all_items(mixed.dataset, options)) found.push_back(std::move(item));
  }
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found[i].video, wanted[i].video);
    EXPECT_EQ(found[i].fault, wanted[i].fault);
    ASSERT_EQ(found[i].pathways.size(), wanted[i].pathways.size());
    for (size_t p = 0; p < wanted[i].pathways.size(); ++p)
      EXPECT_EQ(values(found[i].pathways[p]), values(wanted[i].pathways[p])) << i;
  }
  options.videos = videos;
  EXPECT_THROW(TestLoader(mixed.dataset, options), Error);
}

}  // namespace
}  // namespace sf
