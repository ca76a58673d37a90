// The options of the loaders as configurations state them.
#include <gtest/gtest.h>

#include "configs/config.h"
#include "data/test_loader.h"
#include "data/train_loader.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"
#include "tests/error_of.h"

namespace sf {
namespace {

Config config(std::vector<std::string> pairs) {
  Config c;
  c.merge_pairs(pairs);
  return c;
}

TrainLoaderOptions train(std::vector<std::string> pairs) {
  return train_loader_options(config(std::move(pairs)), Split::train);
}

TEST(TrainOptions, AreThoseOfThePublishedConfiguration) {
  const Config c =
      Config::load(std::filesystem::path(SF_SOURCE_DIR) / "configs/Kinetics/SLOWFAST_8x8_R50.yaml",
                   std::vector<std::string>{"DATA.TRAIN_JITTER_FPS", "5.0", "RNG_SEED", "7"});
  const TrainLoaderOptions t = train_loader_options(c, Split::train);
  ASSERT_EQ(t.batches.size(), 1u);
  EXPECT_EQ(t.batches[0].videos, 64);
  EXPECT_EQ(t.batches[0].crop, 224);
  EXPECT_TRUE(t.shuffle);
  EXPECT_TRUE(t.drop_last);
  EXPECT_EQ(t.sampling.num_frames, 32);
  EXPECT_EQ(t.sampling.sampling_rate, 2);
  EXPECT_EQ(t.fps_jitter, 5);
  EXPECT_EQ(t.jitter.min_short_side, 256);
  EXPECT_EQ(t.jitter.max_short_side, 320);
  EXPECT_FALSE(t.jitter.inverse_uniform);
  EXPECT_TRUE(t.jitter.flip);
  EXPECT_FALSE(t.jitter.relative);
  EXPECT_EQ(t.alpha, 4);
  EXPECT_EQ(t.windows * t.copies, 1);

  const TrainLoaderOptions v = train_loader_options(c, Split::val);
  EXPECT_FALSE(v.shuffle);
  EXPECT_FALSE(v.drop_last);
  EXPECT_EQ(v.fps_jitter, 0);
  EXPECT_EQ(v.jitter.min_short_side, 256);
  EXPECT_TRUE(v.jitter.flip);
  EXPECT_NE(v.seed, t.seed) << "validation has draws of its own";
  EXPECT_THROW(train_loader_options(c, Split::test), Error);
}

TEST(TrainOptions, ValidationHasNoRelativeCropsAndNoCopies) {
  const Config c = config(
      {"DATA.TRAIN_JITTER_SCALES_RELATIVE", "[0.08, 1.0]", "DATA.TRAIN_JITTER_ASPECT_RELATIVE",
       "[0.75, 1.3333]", "DATA.TRAIN_JITTER_MOTION_SHIFT", "True", "AUG.NUM_SAMPLE", "2",
       "DATA.TRAIN_CROP_NUM_SPATIAL", "3", "DATA.TRAIN_CROP_NUM_TEMPORAL", "4"});
  const TrainLoaderOptions t = train_loader_options(c, Split::train);
  ASSERT_TRUE(t.jitter.relative);
  EXPECT_EQ(t.jitter.relative->scale[0], 0.08);
  EXPECT_EQ(t.jitter.relative->aspect[1], 1.3333);
  EXPECT_TRUE(t.jitter.relative->motion_shift);
  EXPECT_EQ(t.copies, 6);
  EXPECT_EQ(t.windows, 4);
  const TrainLoaderOptions v = train_loader_options(c, Split::val);
  EXPECT_FALSE(v.jitter.relative);
  EXPECT_EQ(v.copies, 1);
  EXPECT_EQ(v.windows, 1);
}

TEST(TrainOptions, TheShortCycleIsMultigrids) {
  const auto shapes = [](const char* crop) {
    const auto o = train({"MULTIGRID.SHORT_CYCLE", "True", "MULTIGRID.DEFAULT_S", "224",
                          "TRAIN.BATCH_SIZE", "8", "DATA.TRAIN_CROP_SIZE", crop});
    EXPECT_EQ(o.full_crop, 224);
    std::vector<std::pair<int64_t, int>> all;
    for (const BatchShape& s : o.batches) all.emplace_back(s.videos, s.crop);
    return all;
  };
  using Shapes = std::vector<std::pair<int64_t, int>>;
  EXPECT_EQ(shapes("224"), (Shapes{{32, 112}, {16, 158}, {8, 224}}));
  EXPECT_EQ(shapes("158"), (Shapes{{16, 112}, {8, 158}, {8, 158}}));
  const auto rates = train({"MULTIGRID.LONG_CYCLE_SAMPLING_RATE", "8", "DATA.SAMPLING_RATE", "2"});
  EXPECT_EQ(rates.max_sampling_rate, 8);
  const Config val = config({"MULTIGRID.SHORT_CYCLE", "True", "MULTIGRID.DEFAULT_S", "224"});
  EXPECT_EQ(train_loader_options(val, Split::val).batches.size(), 1u);
}

TEST(TrainOptions, AugmentationIsOfTrainingAlone) {
  EXPECT_FALSE(train({}).rand_augment);
  EXPECT_FALSE(train({}).random_erasing);
  const Config c = config({"AUG.ENABLE", "True", "AUG.AA_TYPE", "rand-m7-n4-mstd0.5-inc1",
                           "AUG.RE_MODE", "const", "AUG.RE_PROB", "0.3"});
  const TrainLoaderOptions t = train_loader_options(c, Split::train);
  ASSERT_TRUE(t.rand_augment);
  EXPECT_EQ(t.rand_augment->layers, 4);
  EXPECT_EQ(t.rand_augment->magnitude, 7);
  ASSERT_TRUE(t.random_erasing);
  EXPECT_EQ(t.random_erasing->probability, 0.3);
  EXPECT_EQ(t.random_erasing->fill, ErasingFill::zero);
  const TrainLoaderOptions v = train_loader_options(c, Split::val);
  EXPECT_FALSE(v.rand_augment);
  EXPECT_FALSE(v.random_erasing);
}

TEST(TrainOptions, FrameOrderHoldsForAllLoaders) {
  const Config c = config({"SF.FRAME_ORDER", "shuffled"});
  EXPECT_EQ(train_loader_options(c, Split::train).frame_order, FrameOrder::shuffled);
  EXPECT_EQ(train_loader_options(c, Split::val).frame_order, FrameOrder::shuffled);
  EXPECT_EQ(test_loader_options(c).frame_order, FrameOrder::shuffled);
}

TEST(TrainOptions, MisuseIsNamedByKey) {
  const auto error = [](std::vector<std::string> pairs) {
    return message_of<Error>([&] { train(pairs); });
  };
  const auto has = [](const std::string& message, const std::string& text) {
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  has(error({"SF.FRAME_ORDER", "backwards"}), "SF.FRAME_ORDER: wanted natural, shuffled or single");
  has(error({"DATA.TRAIN_JITTER_SCALES", "[256]"}), "DATA.TRAIN_JITTER_SCALES: wanted 2");
  has(error({"DATA.TRAIN_JITTER_SCALES_RELATIVE", "[0.1, 1.0]"}), "wanted both or none");
  has(error({"DATA.TRAIN_JITTER_SCALES_RELATIVE", "[1.0, 0.1]", "DATA.TRAIN_JITTER_ASPECT_RELATIVE",
             "[0.7, 1.4]"}),
      "DATA.TRAIN_JITTER_SCALES_RELATIVE: wanted");
}

TEST(TrainOptions, ClipsAreMadeWhereTheDecoderIs) {
  EXPECT_EQ(train({}).device, Device{});
  const Device simt{.backend = Backend::simt};
  EXPECT_EQ(train({"SF.DECODER", "cuda", "SF.DEVICE", "simt"}).device, simt);
  const Config c = config({"SF.DECODER", "cuda", "SF.DEVICE", "simt"});
  EXPECT_EQ(train_loader_options(c, Split::val).device, simt);
  EXPECT_EQ(test_loader_options(c).device, simt);
  EXPECT_EQ(error_of([] {
              train({"SF.DECODER", "cuda", "SF.DEVICE", "cpu"});
            }),
            "SF.DECODER: wanted cpu where the network runs on the CPU (SF.DEVICE), found cuda");
  EXPECT_EQ(error_of([] {
              train({"SF.DECODER", "cuda", "SF.DEVICE", "simt", "MIXUP.ENABLE", "True"});
            }),
            "SF.DECODER: wanted cpu with MIXUP.ENABLE, found cuda");
}

}  // namespace
}  // namespace sf
