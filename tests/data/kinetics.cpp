#include "data/kinetics.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "golden.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

std::string list_error(const TemporaryFolder& folder, const std::string& rows,
                       KineticsOptions options = {}) {
  options.list = folder.write("test.csv", rows);
  return message_of<Error>([&] { KineticsDataset dataset(options); });
}

TEST(Kinetics, RowsOfOneTwoAndThreeFields) {
  const TemporaryFolder folder;
  const std::string a = folder.write("a.mp4", "a");
  const KineticsDataset dataset(
      {.list = folder.write("test.csv", "\xEF\xBB\xBF" + a + " 7\r\n\n" + a + " x 5\n" + a)});
  ASSERT_EQ(dataset.size(), 3);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(dataset.video(i).path, a);
    EXPECT_EQ(dataset.video(i).fault, "");
    EXPECT_EQ(dataset.video(i).label, std::vector<int64_t>({7, 5, 0})[size_t(i)]);
  }
  EXPECT_THROW(dataset.video(3), Error);
}

TEST(Kinetics, PathsJoinThePrefixOrElseTheFolderOfTheList) {
  const TemporaryFolder folder;
  const std::string a = folder.write("a b.mp4", "a");
  const std::string list = folder.write("test.csv", "a b.mp4,1\n" + a + ",2\n");
  const KineticsDataset relative({.list = list, .separator = ","});
  EXPECT_EQ(relative.video(0).path, a);
  EXPECT_EQ(relative.video(0).fault, "");
  EXPECT_EQ(relative.video(1).path, a);
  const KineticsDataset prefixed({.list = list, .separator = ",", .path_prefix = "/nowhere"});
  EXPECT_EQ(prefixed.video(0).path, "/nowhere/a b.mp4");
  EXPECT_EQ(prefixed.video(0).fault, "/nowhere/a b.mp4: no such file");
  EXPECT_EQ(prefixed.video(1).path, a);
}

TEST(Kinetics, BadRowsAreNamedByFileAndLine) {
  const TemporaryFolder folder;
  const std::string list = (folder.path() / "test.csv").string();
  EXPECT_EQ(list_error(folder, "a.mp4 1\nb.mp4 c 2 3\n")
                .find(list + ":2: wanted 1 to 3 fields separated by \" \", found 4"),
            0u);
  EXPECT_EQ(list_error(folder, "a.mp4,1\n")
                .find(list + ":1: wanted fields separated by \" \", found \"a.mp4,1\""),
            0u);
  EXPECT_EQ(list_error(folder, "a.mp4 one\n"),
            list + ":1: wanted a whole number as label, found \"one\"");
  EXPECT_EQ(list_error(folder, "a.mp4 1.5\n"),
            list + ":1: wanted a whole number as label, found \"1.5\"");
  EXPECT_EQ(list_error(folder, "a.mp4 99999999999999999999\n"),
            list + ":1: wanted a whole number as label, found \"99999999999999999999\"");
  EXPECT_EQ(list_error(folder, "a.mp4 8\n", {.num_classes = 8}),
            list + ":1: wanted a label in [0, 8), found 8");
  EXPECT_EQ(list_error(folder, "a.mp4 -1\n").find(list + ":1: wanted a label in [0, "), 0u);
  EXPECT_EQ(list_error(folder, " 3\n"), list + ":1: wanted a path, found none");
  EXPECT_EQ(list_error(folder, "a" + std::string(1, 0) + ".mp4 3\n"),
            list + ":1: wanted text, found a zero byte (UTF-16 is not read)");
  EXPECT_EQ(list_error(folder, "a.mp4 \x1b[2J\n"),
            list + ":1: wanted a whole number as label, found \"\\x1b[2J\"");
  EXPECT_EQ(list_error(folder, "\n\n"), list + ": wanted at least one video, found none");
  // Binary files end at their first row, too.
  EXPECT_EQ(list_error(folder, file_content(golden_video("test.mp4"))).find(list + ":1: wanted "),
            0u);
}

TEST(Kinetics, OnlyRegularFilesAreLists) {
  const TemporaryFolder folder;
  const std::string pipe = (folder.path() / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const HangGuard guard;
  const auto expect_refusal = [](const std::string& list, const std::string& found) {
    EXPECT_EQ(message_of<Error>([&] { KineticsDataset({.list = list}); }),
              list + ": wanted a list of videos, found " + found);
  };
  expect_refusal("/nowhere/test.csv", "no such file");
  expect_refusal(pipe, "no regular file");
  expect_refusal(folder.path().string(), "no regular file");
}

}  // namespace
}  // namespace sf
