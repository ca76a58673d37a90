#include "data/dataset.h"

#include <gtest/gtest.h>

#include "configs/config.h"
#include "data/test_loader.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

TEST(Datasets, NamesAreFoundAndWhatIsMissingIsSaid) {
  const Config config;
  EXPECT_NE(message_of<Error>([&] { make_dataset("ssv2", Split::test, config); }).find("it lacks"),
            std::string::npos);
  EXPECT_EQ(message_of<Error>([&] { make_dataset("imdb", Split::test, config); }),
            "data set: wanted one of kinetics, ava, found imdb");
}

TEST(Datasets, AConfigurationGivesListsAndLoaderOptions) {
  const TemporaryFolder folder;
  folder.write("val.csv", golden_video("test.mp4") + ",6\n");
  Config config;
  config.set("DATA.PATH_TO_DATA_DIR", folder.path().string());
  config.set("DATA.PATH_LABEL_SEPARATOR", ",");
  config.set("MODEL.NUM_CLASSES", "7");
  const auto dataset = make_dataset("Kinetics", Split::val, config);
  ASSERT_EQ(dataset->size(), 1);
  EXPECT_EQ(dataset->video(0).label, 6);
  EXPECT_EQ(dataset->video(0).fault, "");
  config.set("MODEL.NUM_CLASSES", "6");
  EXPECT_THROW(make_dataset("kinetics", Split::val, config), Error);

  config.set("MODEL.ARCH", "slowfast");
  config.set("DATA.NUM_FRAMES", "32");
  config.set("DATA.SAMPLING_RATE", "2");
  config.set("SLOWFAST.ALPHA", "4");
  config.set("DATA.TEST_CROP_SIZE", "224");
  config.set("DATA.MEAN", "[0.1, 0.2, 0.3]");
  config.set("DATA.REVERSE_INPUT_CHANNEL", "True");
  TestLoaderOptions o = test_loader_options(config);
  EXPECT_EQ(o.sampling.num_frames, 32);
  EXPECT_EQ(o.sampling.sampling_rate, 2);
  EXPECT_EQ(o.alpha, 4);
  EXPECT_EQ(o.views, 10);
  EXPECT_EQ(o.crops, 3);
  EXPECT_EQ(o.crop_size, 224);
  EXPECT_EQ(o.short_side, 224);
  EXPECT_EQ(o.normalization.mean, (std::array{0.1f, 0.2f, 0.3f}));
  EXPECT_TRUE(o.normalization.reverse_channels);
  config.set("TEST.NUM_SPATIAL_CROPS", "1");
  config.set("MODEL.ARCH", "slow");
  o = test_loader_options(config);
  EXPECT_EQ(o.short_side, 256);
  EXPECT_EQ(o.alpha, 0);
}

}  // namespace
}  // namespace sf
