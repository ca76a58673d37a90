// Batches that ranks share out.
#include <gtest/gtest.h>

#include "data/train_loader.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"
#include "videos.h"

namespace sf {
namespace {

std::vector<float> values(const Tensor& t) {
  return {t.span<float>().begin(), t.span<float>().end()};
}

// The batches of all ranks' parts, joined; a part without videos is an empty batch.
std::vector<TrainBatch> joined_epoch(const Dataset& dataset, TrainLoaderOptions options, int ranks,
                                     int64_t first_batch) {
  std::vector<TrainBatch> whole;
  for (int rank = 0; rank < ranks; ++rank) {
    options.part = {.rank = rank, .ranks = ranks};
    TrainLoader loader(dataset, options);
    loader.start(2, first_batch);
    std::vector<TrainBatch> parts;
    while (auto part = loader.next()) parts.push_back(std::move(*part));
    EXPECT_EQ(std::ssize(parts), loader.batches() - first_batch);
    whole.resize(parts.size());
    for (size_t b = 0; b < parts.size(); ++b) {
      TrainBatch& batch = whole[b];
      const TrainBatch& part = parts[b];
      EXPECT_EQ(part.pathways.empty(), part.labels.empty());
      batch.labels.insert(batch.labels.end(), part.labels.begin(), part.labels.end());
      batch.videos.insert(batch.videos.end(), part.videos.begin(), part.videos.end());
      for (size_t p = 0; p < part.pathways.size(); ++p) {
        if (rank == 0) batch.pathways.push_back(part.pathways[p]);
        if (rank == 0) continue;
        auto all = values(batch.pathways[p]);
        const auto more = values(part.pathways[p]);
        all.insert(all.end(), more.begin(), more.end());
        Shape shape = part.pathways[p].shape();
        shape.set(0, shape[0] + batch.pathways[p].shape()[0]);
        batch.pathways[p] = Tensor::from(all, shape);
      }
    }
  }
  return whole;
}

TEST(BatchParts, PartsOfRanksAreTheBatchesOfOne) {
  TemporaryFolder folder;
  Videos dataset;
  for (int i = 0; i < 9; ++i)
    dataset.add(i == 4 ? folder.write("text.mp4", "no video")
                       : golden_video("short_32_frames.mp4"));
  for (const bool train : {true, false}) {
    const TrainLoaderOptions options{.seed = 5,
                                     .batches = {{.videos = 4, .crop = 24}},
                                     .shuffle = train,
                                     .drop_last = train,
                                     .sampling = {.num_frames = 8, .sampling_rate = 4},
                                     .copies = train ? 2 : 1,
                                     .jitter = {.min_short_side = 24, .max_short_side = 30},
                                     .alpha = 4,
                                     .workers = train ? 2 : 0};
    const int64_t first = train ? 1 : 0;
    const auto wanted = joined_epoch(dataset, options, 1, first);
    ASSERT_EQ(std::ssize(wanted), train ? 1 : 3);
    for (const int ranks : {2, 4}) {
      const auto found = joined_epoch(dataset, options, ranks, first);
      ASSERT_EQ(found.size(), wanted.size());
      for (size_t b = 0; b < wanted.size(); ++b) {
        EXPECT_EQ(found[b].labels, wanted[b].labels);
        EXPECT_EQ(found[b].videos, wanted[b].videos);
        ASSERT_EQ(found[b].pathways.size(), 2U);
        for (size_t p = 0; p < 2; ++p)
          EXPECT_TRUE(values(found[b].pathways[p]) == values(wanted[b].pathways[p])) << b;
      }
    }
  }
}

TEST(BatchParts, GivesEachRankItsPart) {
  const BatchShape shapes[] = {{.videos = 4, .crop = 8}, {.videos = 8, .crop = 4}};
  const auto parts = [&](int rank) { return cut_epoch(13, shapes, false, {rank, 4}); };
  for (int rank = 0; rank < 4; ++rank) {
    const auto found = parts(rank);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].first, rank);
    EXPECT_EQ(found[0].videos, 1);
    EXPECT_EQ(found[1].first, 4 + 2 * rank);
    EXPECT_EQ(found[1].videos, 2);
    EXPECT_EQ(found[2].videos, rank == 0 ? 1 : 0);
  }
  EXPECT_EQ(parts(0)[2].first, 12);
  for (int rank = 0; rank < 4; ++rank) {
    const auto repeated = cut_epoch(13, shapes, false, {rank, 4, true});
    EXPECT_EQ(repeated[2].first, 12 + rank);  // counts on behind 13 videos
    EXPECT_EQ(repeated[2].videos, 1);
  }
  try {
    cut_epoch(13, shapes, false, {0, 3});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "batches: wanted a multiple of the 3 processes that share a batch, found 4 "
                 "videos");
  }
}

}  // namespace
}  // namespace sf
