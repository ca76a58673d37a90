#include "data/train_loader.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "data/video_reader.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"
#include "videos.h"

namespace sf {
namespace {

TrainLoaderOptions small() {
  return {.seed = 5,
          .batches = {{.videos = 3, .crop = 40}},
          .sampling = {.num_frames = 8, .sampling_rate = 4},
          .jitter = {.min_short_side = 44, .max_short_side = 60},
          .alpha = 4,
          .workers = 2,
          .decode_timeout_seconds = 60};
}

std::vector<TrainBatch> rest(TrainLoader& loader) {
  std::vector<TrainBatch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  EXPECT_FALSE(loader.next()) << "after the end";
  return batches;
}

std::vector<TrainBatch> epoch(const Dataset& dataset, const TrainLoaderOptions& options,
                              int64_t number = 0) {
  TrainLoader loader(dataset, options);
  loader.start(number);
  auto batches = rest(loader);
  EXPECT_EQ(int64_t(batches.size()), loader.batches());
  return batches;
}

std::vector<float> values(const Tensor& t) {
  return {t.span<float>().begin(), t.span<float>().end()};
}

void expect_equal(const std::vector<TrainBatch>& found, const std::vector<TrainBatch>& wanted,
                  const std::string& what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found[i].labels, wanted[i].labels) << what;
    EXPECT_EQ(found[i].videos, wanted[i].videos) << what;
    ASSERT_EQ(found[i].pathways.size(), wanted[i].pathways.size()) << what;
    for (size_t p = 0; p < wanted[i].pathways.size(); ++p) {
      EXPECT_EQ(found[i].pathways[p].shape(), wanted[i].pathways[p].shape()) << what;
      EXPECT_EQ(values(found[i].pathways[p]), values(wanted[i].pathways[p]))
          << what << ", batch " << i;
    }
  }
}

std::vector<int64_t> videos_of(const std::vector<TrainBatch>& batches) {
  std::vector<int64_t> all;
  for (const TrainBatch& b : batches) all.insert(all.end(), b.videos.begin(), b.videos.end());
  return all;
}

// Eleven videos, of which three cannot be read.
struct Mixed {
  TemporaryFolder folder;
  Videos dataset;

  Mixed() {
    const std::string avi = file_content(golden_video("test.avi"));
    for (int i = 0; i < 2; ++i) {
      dataset.add(golden_video("short_32_frames.mp4"));
      dataset.add(folder.path().string() + "/absent.mp4", "absent.mp4: no such file");
      dataset.add(golden_video("six_fps.mp4"));
      dataset.add(folder.write("half.avi", avi.substr(0, avi.size() / 2)));
      dataset.add(golden_video("test.mp4"));
    }
    dataset.add(folder.write("text.mp4", "no video"));
  }
};

TEST(TrainLoader, WorkersAndMemoryChangeNoBit) {
  const Mixed mixed;
  TrainLoaderOptions options = small();
  options.workers = 0;
  const auto wanted = epoch(mixed.dataset, options, 3);
  ASSERT_EQ(wanted.size(), 3u);
  for (int workers : {1, 4}) {
    // The second bound has room for one batch.
    for (int64_t memory : {int64_t(1) << 30, int64_t(1)}) {
      options.workers = workers;
      options.memory_bytes = memory;
      expect_equal(epoch(mixed.dataset, options, 3), wanted,
                   cat(workers, " workers, ", memory, " bytes"));
    }
  }
}

TEST(TrainLoader, AStartInTheMiddleContinuesTheEpoch) {
  const Mixed mixed;
  const auto wanted = epoch(mixed.dataset, small(), 7);
  for (int workers : {0, 2}) {
    TrainLoaderOptions options = small();
    options.workers = workers;
    TrainLoader loader(mixed.dataset, options);
    loader.start(2);
    EXPECT_TRUE(loader.next());
    loader.start(7, 1);
    expect_equal(rest(loader), {wanted.begin() + 1, wanted.end()}, cat(workers, " workers"));
    loader.start(7, 3);
    EXPECT_FALSE(loader.next());
  }
}

TEST(TrainLoader, AnEpochTakesEveryVideoOnceInAnOrderOfItsOwn) {
  Videos videos;
  for (int i = 0; i < 7; ++i) videos.add(golden_video("short_32_frames.mp4"));
  TrainLoaderOptions options = small();
  options.sampling = {.num_frames = 4, .sampling_rate = 2};
  const auto first = videos_of(epoch(videos, options, 0)),
             second = videos_of(epoch(videos, options, 1));
  ASSERT_EQ(first.size(), 6u) << "the incomplete batch is left out";
  EXPECT_NE(first, second);
  auto sorted = second;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::unique(sorted.begin(), sorted.end()), sorted.end());
  options.seed = 6;
  EXPECT_NE(videos_of(epoch(videos, options, 0)), first);

  options.shuffle = options.drop_last = false;
  EXPECT_EQ(videos_of(epoch(videos, options, 1)), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6}));
  options.drop_last = true;
  options.batches = {{.videos = 20, .crop = 40}};
  EXPECT_EQ(videos_of(epoch(videos, options)).size(), 7u) << "the only batch stays";
}

TEST(TrainLoader, EpochsAndVideosGetClipsOfTheirOwn) {
  Videos videos;
  for (int i = 0; i < 3; ++i) videos.add(golden_video("test.mp4"));
  TrainLoaderOptions options = small();
  options.shuffle = false;
  const auto first = epoch(videos, options, 0), second = epoch(videos, options, 1);
  const auto clips = values(first[0].pathways[1]);
  const size_t clip = clips.size() / 3;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(std::equal(&clips[i * clip], &clips[i * clip] + clip, &clips[(i + 1) % 3 * clip]));
  }
  EXPECT_NE(values(second[0].pathways[1]), clips);
}

TEST(TrainLoader, BrokenVideosAreReplacedAndReportedOnce) {
  const Mixed mixed;
  for (int workers : {0, 3}) {
    TrainLoaderOptions options = small();
    options.workers = workers;
    options.drop_last = options.shuffle = false;
    TrainLoader loader(mixed.dataset, options);
    loader.start(0);
    const auto batches = rest(loader);
    const auto found = videos_of(batches);
    ASSERT_EQ(found.size(), 11u);
    for (size_t i = 0; i < found.size(); ++i) {
      const bool bad = i == 1 || i == 6 || i == 10;
      EXPECT_EQ(found[i] != int64_t(i), bad) << i;
      EXPECT_EQ(batches[i / 3].labels[i % 3], 10 + found[i]);
      EXPECT_TRUE(mixed.dataset.video(found[i]).fault.empty());
      EXPECT_NE(found[i], 10);
    }
    EXPECT_EQ(loader.replaced(), 3);
    auto faults = loader.take_faults();
    ASSERT_EQ(faults.size(), 3u);
    EXPECT_NE(faults[0].find("absent.mp4"), std::string::npos) << faults[0];
    EXPECT_NE(faults[2].find("text.mp4: wanted a video file"), std::string::npos) << faults[2];
    loader.start(1);
    rest(loader);
    EXPECT_EQ(loader.replaced(), 6);
    EXPECT_TRUE(loader.take_faults().empty()) << "they were reported before";
  }
}

TEST(TrainLoader, WithoutAnyReadableVideoTheLastReasonIsNamed) {
  const TemporaryFolder folder;
  for (int workers : {0, 2}) {
    for (int videos : {1, 5, 150}) {
      Videos dataset;
      for (int i = 0; i < videos; ++i)
        dataset.add(folder.path().string() + "/absent.mp4", "absent.mp4: no such file");
      TrainLoaderOptions options = small();
      options.workers = workers;
      TrainLoader loader(dataset, options);
      loader.start(0);
      EXPECT_EQ(message_of<Error>([&] { loader.next(); }),
                cat("train loader: wanted a video that can be read, found none among ",
                    std::min(videos, 100), "; the last: absent.mp4: no such file"));
      EXPECT_THROW(loader.next(), Error);
    }
  }
}

TEST(TrainLoader, BatchesTakeTheShapesInTurnAndCopiesOfTheirVideos) {
  Videos videos;
  for (int i = 0; i < 8; ++i) videos.add(golden_video("short_32_frames.mp4"));
  TrainLoaderOptions options = small();
  options.batches = {{.videos = 3, .crop = 24}, {.videos = 1, .crop = 40}};
  options.jitter.min_short_side = 40;
  options.full_crop = 40;
  options.shuffle = false;
  options.windows = 2;
  options.copies = 2;
  const auto batches = epoch(videos, options);
  ASSERT_EQ(batches.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const int64_t clips = i % 2 == 0 ? 12 : 4, crop = i % 2 == 0 ? 24 : 40;
    EXPECT_EQ(batches[i].pathways[0].shape(), (Shape{clips, 2, crop, crop, 3}));
    EXPECT_EQ(batches[i].pathways[1].shape(), (Shape{clips, 8, crop, crop, 3}));
    ASSERT_EQ(int64_t(batches[i].labels.size()), clips);
    for (size_t clip = 0; clip < size_t(clips); ++clip) {
      const int64_t video = int64_t(i / 2 * 4 + i % 2 * 3 + clip / 4);
      EXPECT_EQ(batches[i].videos[clip], video);
      EXPECT_EQ(batches[i].labels[clip], 10 + video);
    }
  }
}

TEST(TrainLoader, ASinglePathwayIsTheWholeClip) {
  Videos videos;
  for (int i = 0; i < 3; ++i) videos.add(golden_video("short_32_frames.mp4"));
  TrainLoaderOptions options = small();
  options.alpha = 0;
  const auto batches = epoch(videos, options);
  ASSERT_EQ(batches.size(), 1u);
  ASSERT_EQ(batches[0].pathways.size(), 1u);
  EXPECT_EQ(batches[0].pathways[0].shape(), (Shape{3, 8, 40, 40, 3}));
}

TEST(TrainLoader, PreparedBatchesStayWithinTheMemoryUnlessOneIsLarger) {
  Videos videos;
  for (int i = 0; i < 12; ++i) videos.add(golden_video("short_32_frames.mp4"));
  constexpr int64_t kBatch = 3 * 10 * 40 * 40 * 3 * 4;
  for (int64_t memory : {int64_t(1), kBatch, 5 * kBatch / 2, 100 * kBatch}) {
    TrainLoaderOptions options = small();
    options.memory_bytes = memory;
    TrainLoader loader(videos, options);
    loader.start(0);
    EXPECT_EQ(rest(loader).size(), 4u);
    EXPECT_LE(loader.peak_bytes(), std::max(memory, kBatch));
  }
}

TEST(TrainLoader, WorkersPrepareOneBatchMoreThanTheyAreBusyWith) {
  Videos videos;
  for (int i = 0; i < 12; ++i) videos.add(golden_video("short_32_frames.mp4"));
  constexpr int64_t kBatch = 3 * 10 * 40 * 40 * 3 * 4;
  for (int workers : {0, 1}) {
    TrainLoaderOptions options = small();
    options.workers = workers;
    TrainLoader loader(videos, options);
    loader.start(0);
    EXPECT_TRUE(loader.next());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // enough to prepare all of them
    EXPECT_EQ(rest(loader).size(), 3u);
    EXPECT_LE(loader.peak_bytes(), (workers + 1) * kBatch);
  }
}

TEST(TrainLoader, DestructionAndStartsInTheMiddleEndTheWork) {
  Videos videos;
  for (int i = 0; i < 40; ++i) videos.add(golden_video("short_32_frames.mp4"));
  for (int taken : {0, 1, 3}) {
    TrainLoader loader(videos, small());
    loader.start(0);
    for (int i = 0; i < taken; ++i) EXPECT_TRUE(loader.next());
    loader.start(1);
    EXPECT_TRUE(loader.next());
  }
}

TEST(TrainLoader, AnEmptyDataSetYieldsNothing) {
  for (int workers : {0, 2}) {
    TrainLoaderOptions options = small();
    options.workers = workers;
    EXPECT_TRUE(epoch(Videos(), options).empty());
  }
}

TEST(TrainLoader, TimeoutsAreFaults) {
  Videos videos;
  videos.add(golden_video("short_32_frames.mp4"));
  TrainLoaderOptions options = small();
  options.decode_timeout_seconds = 0;
  TrainLoader loader(videos, options);
  loader.start(0);
  EXPECT_NE(message_of<Error>([&] { loader.next(); }).find("longer than 0 seconds"),
            std::string::npos);
}

TEST(TrainLoader, MisuseIsNamed) {
  Videos videos;
  videos.add(golden_video("short_32_frames.mp4"));
  const auto refused = [&](auto change) {
    TrainLoaderOptions options = small();
    change(options);
    EXPECT_THROW(TrainLoader(videos, options), Error);
  };
  refused([](auto& o) { o.batches.clear(); });
  refused([](auto& o) { o.batches = {{.videos = 0, .crop = 40}}; });
  refused([](auto& o) { o.batches = {{.videos = 1, .crop = 45}}; });
  refused([](auto& o) { o.jitter.max_short_side = 43; });
  refused([](auto& o) { o.windows = 0; });
  refused([](auto& o) { o.max_sampling_rate = 3; });
  refused([](auto& o) { o.sampling.num_frames = 0; });
  refused([](auto& o) { o.alpha = 9; });
  TrainLoader loader(videos, small());
  EXPECT_THROW(loader.next(), Error) << "before start()";
  EXPECT_THROW(loader.start(0, 2), Error);
  EXPECT_THROW(loader.start(-1), Error);
}

}  // namespace
}  // namespace sf
