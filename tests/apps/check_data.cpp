// sf check-data as a user meets it.
#include <algorithm>
#include <fstream>

#include "tests/apps/command_line.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

TEST_F(CommandLine, CheckDataTellsFaultsAndTheirNumber) {
  const std::string video = (golden_dir() / "videos" / "test.avi").string();
  const auto check = [&](const std::string& rows) {
    std::ofstream(folder / "test.csv", std::ios::binary) << rows;
    return sf(cat("check-data --cfg configs/synthetic/SLOWFAST_TINY.yaml TRAIN.ENABLE False ",
                  "DATA.PATH_TO_DATA_DIR ", folder.string()));
  };
  const Outcome good = check(video + " 1\n");
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_EQ(good.out, "1 files decoded, 0 boxes read: 0 faults\n");
  const Outcome bad = check(video + " 1\n" + video + " 9999\nnowhere.avi 0\n");
  EXPECT_EQ(bad.status, 1);
  EXPECT_EQ(bad.err, "sf: check-data: wanted a data set without faults, found 2\n");
  const std::string list = (folder / "test.csv").string();
  EXPECT_NE(bad.out.find(list + ":2: wanted a label in [0, "), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find(list + ":3: "), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find("\n2 files decoded, 0 boxes read: 2 faults\n"), std::string::npos);
}

TEST_F(CommandLine, CheckDataReadsWhatDetectionsAreMeasuredBy) {
  const std::string ava = (golden_dir() / "ava").string();
  const std::string list = (folder / "list.csv").string();
  std::ofstream(list) << "original_vido_id video_id frame_id path labels\n"
                         "v_test 0 0 test.mp4 \"\"\n"
                         "v_arm 1 0 arm_wrestling.mp4 \"\"\n";
  const auto check = [&](const std::string& truth) {
    return sf(cat("check-data --cfg configs/AVA/SLOWFAST_32x2_R50_SHORT.yaml TRAIN.ENABLE False ",
                  "AVA.FRAME_LIST_DIR ", folder.string(), " AVA.TEST_LISTS [\\'list.csv\\'] ",
                  "AVA.FRAME_DIR ", (golden_dir() / "videos").string(), " AVA.ANNOTATION_DIR ", ava,
                  " AVA.TEST_PREDICT_BOX_LISTS [\\'ava_val_detected.csv\\'] AVA.GROUNDTRUTH_FILE ",
                  truth, " AVA.EXCLUSION_FILE ava_val_excluded_timestamps.csv"));
  };
  const Outcome good = check("ava_val_gt.csv");
  EXPECT_EQ(good.status, 0) << good.err << good.out;
  EXPECT_EQ(good.out, "2 files decoded, 35 boxes read: 0 faults\n");
  const Outcome bad = check("frame_list.csv");
  EXPECT_EQ(bad.status, 1);
  EXPECT_TRUE(bad.out.starts_with(ava + "/frame_list.csv:1: ")) << bad.out;
}

}  // namespace
}  // namespace sf
