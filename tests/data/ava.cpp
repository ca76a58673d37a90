#include "data/ava.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "golden_ava.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

constexpr char kHeader[] = "original_vido_id video_id frame_id path labels\n";

class SmallSet {
 public:
  SmallSet() {
    std::filesystem::create_directories(folder.path() / "frames/a");
    std::filesystem::create_directories(folder.path() / "frames/b");
    options.frame_lists = {folder.write("list.csv", cat(kHeader,
                                                        "a 0 0 a/1.jpg \"\"\n"
                                                        "a 0 1 a/2.jpg \"\"\n"
                                                        "b 1 0 b/1.jpg \"\"\n"))};
    options.frame_folder = folder.path() / "frames";
  }
  SmallSet& annotated(const std::string& rows) {
    options.annotations = {folder.write("annotated.csv", rows)};
    return *this;
  }
  SmallSet& detected(const std::string& rows) {
    options.detections = {folder.write("detected.csv", rows)};
    return *this;
  }
  std::string path(const char* name) const { return (folder.path() / name).string(); }
  std::string error() const {
    return message_of<Error>([&] { AvaDataset dataset(options); });
  }

  TemporaryFolder folder;
  AvaOptions options;
};

TEST(AvaDataset, BoxesOfTheSameTextAreOneWithAllLabels) {
  SmallSet set;
  set.annotated(
         "b,0904,0.1,0.2,0.3,0.4,12,0\n"
         "a,0903,0.1,0.2,0.3,0.4,80,1\n"
         "a,0903,0.10,0.2,0.3,0.4,1,1\n"
         "a,0903,0.1,0.2,0.3,0.4,3,1\n"
         "a,0902,0.5,0.5,0.9,0.9,-1,1\n")
      .detected(
          "a,0903,0.1,0.2,0.3,0.4,7,0.95\n"
          "a,0903,0.1,0.2,0.3,0.4,8,0.89\n"
          "a,0902,0,0,1,1,,0.9\n");
  const AvaDataset dataset(set.options);
  ASSERT_EQ(dataset.size(), 3);  // video after video, second after second
  const KeyFrame& first = *dataset.key_frame(0);
  EXPECT_EQ(first.second, 902);
  EXPECT_EQ(first.frame, 60);
  ASSERT_EQ(first.boxes.size(), 2u);
  EXPECT_EQ(first.boxes[0].labels, std::vector<int64_t>());
  EXPECT_EQ(first.boxes[1].box, (BoxCorners{0, 0, 1, 1}));
  const KeyFrame& second = *dataset.key_frame(1);
  ASSERT_EQ(second.boxes.size(), 2u);
  EXPECT_EQ(second.boxes[0].labels, (std::vector<int64_t>{80, 3, 7}));
  EXPECT_EQ(second.boxes[1].labels, (std::vector<int64_t>{1}));
  EXPECT_EQ(second.frames->size(), 2);
  EXPECT_EQ(second.frames->path(1), set.options.frame_folder / "a/2.jpg");
  EXPECT_EQ(dataset.key_frame(2)->video, 1);
  EXPECT_EQ(dataset.video_name(1), "b");
  EXPECT_EQ(dataset.video(2).fault, "");
  EXPECT_TRUE(dataset.warnings().empty());
  EXPECT_THROW(dataset.key_frame(3), Error);
}

TEST(AvaDataset, RatesSecondsAndClassesAreOptions) {
  SmallSet set;
  set.annotated("a,7,0,0,1,1,3,0\na,8,0,0,1,1,3,0\na,9,0,0,1,1,3,0\n");
  set.options.fps = 12.5;
  set.options.start_second = 0;
  set.options.seconds = {7, 9};
  set.options.num_classes = 3;
  set.options.every = 4;
  const AvaDataset dataset(set.options);
  ASSERT_EQ(dataset.size(), 1);
  EXPECT_EQ(dataset.key_frame(0)->frame, 100);
  set.options.every = 1;
  set.options.seconds = {7, 8};
  EXPECT_EQ(set.error(), set.path("annotated.csv") + ":3: wanted a second in [7, 8], found 9");
  set.options.num_classes = 2;
  EXPECT_EQ(set.error(), set.path("annotated.csv") + ":1: wanted a label in [1, 2], found 3");
}

TEST(AvaDataset, BoxesOfUnlistedVideosAreLeftOutWithAWarning) {
  SmallSet set;
  set.annotated("c,902,0,0,1,1,3,0\na,902,0,0,1,1,3,0\nd,902,0,0,1,1,3,0\n");
  const AvaDataset dataset(set.options);
  EXPECT_EQ(dataset.size(), 1);
  EXPECT_EQ(dataset.warnings(), std::vector{set.path("annotated.csv") +
                                            ":1: c: is in no frame list, as 2 rows of this file"});
  set.annotated("c,902,0,0,1,1,3,0\n");
  EXPECT_EQ(set.error(), "AVA: wanted boxes in videos of the frame lists, found none");
}

TEST(AvaDataset, FilesOfAnotherFormAreNamedByFileAndLine) {
  SmallSet set;
  set.annotated("a,902,0,0,1,1,1\n");
  EXPECT_EQ(set.error(), "");
  set.detected("a,902,0,0,1,1,1\n");
  EXPECT_EQ(set.error(), set.path("detected.csv") +
                             ":1: wanted video,second,left,top,right,bottom,label,score, found 7 "
                             "fields");
  const auto list = [&](const std::string& text) {
    set.options.frame_lists = {set.folder.write("list.csv", text)};
    return set.error();
  };
  EXPECT_EQ(list(""), "AVA: wanted frame lists of at least one video, found none");
  EXPECT_EQ(list("a 0 0 a/1.jpg \"\"\n"),
            set.path("list.csv") +
                ":1: wanted the header original_vido_id video_id frame_id path labels, found \"a 0 "
                "0 a/1.jpg \"\"\"");
  EXPECT_EQ(list(cat(kHeader, "a 0 0 a b.jpg \"\"\n")),
            set.path("list.csv") + ":2: wanted 5 words, found 6");
  set.options.frame_lists = {set.folder.path() / "none.csv"};
  EXPECT_EQ(set.error(), set.path("none.csv") + ": wanted a frame list, found no such file");
}

TEST(AvaDataset, AConfigurationNamesItsLists) {
  Config config = golden_ava_config();
  config.set("AVA.TRAIN_GT_BOX_LISTS", "['x.csv', 'y.csv']");
  config.set("SF.AVA_SECONDS", "[0, 59]");
  config.set("SF.AVA_FPS", "25");
  const AvaOptions train = ava_options(config, Split::train), val = ava_options(config, Split::val);
  EXPECT_EQ(train.annotations, (std::vector{golden_ava() / "x.csv", golden_ava() / "y.csv"}));
  EXPECT_EQ(train.every, 1);
  EXPECT_EQ(train.fps, 25);
  EXPECT_TRUE(val.annotations.empty());
  EXPECT_EQ(val.detections, std::vector{golden_ava() / "ava_val_detected.csv"});
  EXPECT_EQ(val.every, 4);
  EXPECT_EQ(val.seconds, (std::array<int64_t, 2>{0, 59}));
  config.set("SF.AVA_SECONDS", "[1]");
  EXPECT_EQ(message_of<Error>([&] { ava_options(config, Split::val); }),
            "SF.AVA_SECONDS: wanted the first and the last, found 1 numbers");
}

}  // namespace
}  // namespace sf
