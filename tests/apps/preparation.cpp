// sf extract-frames and sf make-lists.
#include <fstream>

#include <gtest/gtest.h>

#include "tests/apps/command_line.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

TEST_F(CommandLine, VideosBecomeFramesAndLists) {
  const std::string set = (folder / "set").string(), frames = (folder / "frames").string();
  ASSERT_EQ(sf(cat("synth --out ", set, " --videos 3")).status, 0);
  const std::string extract = cat("extract-frames ", set, "/videos --fps 10 --out ", frames);
  const Outcome first = sf(extract);
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_NE(first.out.find(" pictures of 3 videos"), std::string::npos) << first.out;
  EXPECT_TRUE(fs::is_regular_file(folder / "frames/000002/000002_000021.jpg"));
  const Outcome again = sf(extract);
  EXPECT_EQ(again.status, 0);
  EXPECT_NE(again.out.find("0 pictures of 0 videos"), std::string::npos) << again.out;
  EXPECT_NE(again.out.find("3 more were there before"), std::string::npos) << again.out;

  const Outcome list = sf(cat("make-lists --frames ", frames, " --out ", frames, "/list.csv"));
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_NE(
      read_text(folder / "frames/list.csv").find("000002 2 20 000002/000002_000021.jpg \"\"\n"),
      std::string::npos);

  fs::create_directories(folder / "classes/left");
  fs::rename(folder / "set/videos/000000.mp4", folder / "classes/left/000000.mp4");
  const Outcome lists = sf(cat("make-lists --videos ", (folder / "classes").string(), " --out ",
                               (folder / "lists").string(), " --val 0 --test 0"));
  EXPECT_EQ(lists.status, 0) << lists.err;
  EXPECT_EQ(read_text(folder / "lists/train.csv"), "../classes/left/000000.mp4 0\n");
}

TEST_F(CommandLine, FramesThatCannotBeExtractedAreListedAtTheEnd) {
  std::ofstream(folder / "broken.mp4") << "no video";
  ASSERT_EQ(sf(cat("synth --out ", (folder / "set").string(), " --videos 3")).status, 0);
  const Outcome outcome =
      sf(cat("extract-frames ", (folder / "broken.mp4").string(), " ",
             (folder / "set/videos/000000.mp4").string(), " --out ", (folder / "frames").string()));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.out.find("of 1 videos"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("broken.mp4: "), std::string::npos) << outcome.err;
  EXPECT_TRUE(outcome.err.ends_with("sf: 1 of 2 videos gave no pictures\n")) << outcome.err;
}

TEST_F(CommandLine, PreparationsWrongUsageIsTold) {
  EXPECT_EQ(sf("extract-frames --out x").status, 2);
  EXPECT_EQ(sf("extract-frames a.mp4").status, 2);
  EXPECT_EQ(sf("make-lists --videos a --frames b --out x").status, 2);
  EXPECT_EQ(sf("make-lists --frames a --seed 3 --out x").status, 2);
  EXPECT_EQ(sf("make-lists --out x").status, 1);
  EXPECT_EQ(sf("make-lists --videos /nowhere --out x").status, 1);
  EXPECT_EQ(sf(cat("extract-frames ", folder.string(), " --out x")).status, 1);
}

}  // namespace
}  // namespace sf
