#include "data/make_lists.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "data/kinetics.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

class MakeLists : public testing::Test {
 protected:
  void touch(const fs::path& name) const {
    fs::create_directories((folder.path() / name).parent_path());
    folder.write(name, "");
  }
  void make_classes(int videos) const {
    for (int i = 0; i < videos; ++i)
      for (const char* c : {"yoga", "archery", "juggling"})
        touch(fs::path("videos") / c / cat("v", i, ".mp4"));
    touch("videos/archery/notes.txt");
    touch("videos/archery/.hidden.mp4");
  }
  // Paths and labels of a list, as it is read.
  std::map<std::string, int64_t> read(const char* list) const {
    std::map<std::string, int64_t> rows;
    const KineticsDataset dataset({.list = lists / list, .num_classes = 3});
    for (int64_t i = 0; i < dataset.size(); ++i) {
      EXPECT_EQ(dataset.video(i).fault, "");
      rows.emplace(fs::weakly_canonical(dataset.video(i).path), dataset.video(i).label);
    }
    return rows;
  }

  TemporaryFolder folder;
  fs::path videos = folder.path() / "videos", lists = folder.path() / "lists";
};

TEST_F(MakeLists, SplitEachClassAndAreReadAsTheyWereWritten) {
  make_classes(20);
  const ListCounts counts =
      write_video_lists(videos_of_folders(videos), {.dir = lists, .val = 0.1, .test = 0.2});
  EXPECT_EQ(counts.videos, (std::array<int64_t, 3>{42, 6, 12}));
  EXPECT_EQ(counts.classes, 3);
  EXPECT_EQ(file_content(lists / "classes.txt"), "archery\njuggling\nyoga\n");
  std::set<std::string> all;
  for (const auto& [list, share] : {std::pair{"train.csv", 14}, {"val.csv", 2}, {"test.csv", 4}}) {
    std::map<int64_t, int> of_class;
    for (const auto& [path, label] : read(list)) {
      EXPECT_TRUE(all.insert(path).second) << path << " is in two lists";
      const char* name = label == 0 ? "archery" : label == 1 ? "juggling" : "yoga";
      EXPECT_EQ(fs::path(path).parent_path().filename(), name);
      ++of_class[label];
    }
    EXPECT_EQ(of_class, (std::map<int64_t, int>{{0, share}, {1, share}, {2, share}})) << list;
  }
  EXPECT_EQ(all.size(), 60u);
}

TEST_F(MakeLists, TheSeedAloneDecidesOnTheSplit) {
  make_classes(20);
  auto found = videos_of_folders(videos);
  write_video_lists(found, {.dir = lists});
  const std::string first = file_content(lists / "test.csv");
  std::ranges::reverse(found);
  write_video_lists(found, {.dir = lists});
  EXPECT_EQ(file_content(lists / "test.csv"), first);
  write_video_lists(found, {.dir = lists, .seed = 1});
  EXPECT_NE(file_content(lists / "test.csv"), first);
}

TEST_F(MakeLists, ClassesMayBeGivenAndSplitsLeftOut) {
  make_classes(2);
  write_video_lists(
      videos_of_folders(videos),
      {.dir = lists, .val = 0, .test = 0, .classes = {"yoga", "juggling", "archery"}});
  EXPECT_EQ(read("train.csv").at(fs::weakly_canonical(videos / "yoga/v1.mp4")), 0);
  EXPECT_FALSE(fs::exists(lists / "val.csv"));
  EXPECT_FALSE(fs::exists(lists / "test.csv"));
}

TEST_F(MakeLists, KineticsAnnotationsNameTheVideosThatAreThere) {
  touch("videos/a/-0WZKTu0xCk_000003_000013.mp4");
  touch("videos/b/abcdefghijk.webm");
  const std::string csv =
      folder.write("k400.csv",
                   "label,youtube_id,time_start,time_end,split,is_cc\r\n"
                   "\"testifying, loudly \"\"here\"\"\",-0WZKTu0xCk,3,13,validate,0\r\n"
                   "yoga,abcdefghijk,10,20,train,0\n"
                   "yoga,gone_______,10,20,train,0\n");
  const AnnotatedVideos found = videos_of_annotations(csv, videos);
  ASSERT_EQ(found.videos.size(), 2u);
  EXPECT_EQ(found.videos[0].class_name, "testifying, loudly \"here\"");
  EXPECT_EQ(found.videos[0].split, Split::val);
  EXPECT_EQ(found.videos[1].path, videos / "b/abcdefghijk.webm");
  EXPECT_EQ(found.videos[1].split, Split::train);
  EXPECT_EQ(found.missing, Strings{"gone________000010_000020"});
  const ListCounts counts = write_video_lists(found.videos, {.dir = lists});
  EXPECT_EQ(counts.videos, (std::array<int64_t, 3>{1, 1, 0}));
}

TEST_F(MakeLists, AnnotationsByPathAreSplitWhereTheyDoNotSay) {
  make_classes(10);
  std::string csv = "path,Label\n";
  for (int i = 0; i < 10; ++i) csv += cat("yoga/v", i, ".mp4,bending\n");
  const auto found =
      videos_of_annotations(folder.write("own.csv", csv + "yoga/v77.mp4,bending\n"), videos);
  EXPECT_EQ(found.missing, Strings{"yoga/v77.mp4"});
  const ListCounts counts =
      write_video_lists(found.videos, {.dir = lists, .val = 0.3, .test = 0.2});
  EXPECT_EQ(counts.videos, (std::array<int64_t, 3>{5, 3, 2}));
}

TEST_F(MakeLists, FaultsAreNamedWithTheirLine) {
  make_classes(1);
  const struct {
    const char *text, *expected;
  } kCases[] = {
      {"name,path\n", "annotations:1: wanted columns label and path"},
      {"label,youtube_id\n", "annotations:1: wanted columns label and path"},
      {"label,path,label\n", "annotations:1: wanted each column once, found label again"},
      {"label,path\nyoga\n", "annotations:2: wanted 2 fields, found 1"},
      {"label,path\n,yoga/v0.mp4\n", "annotations:2: wanted a label, found none"},
      {"label,path\nyoga,\n", "annotations:2: wanted a path, found none"},
      {"label,path\n\"yoga,yoga/v0.mp4\n", "annotations:2: wanted a quote at the end"},
      {"label,path,split\nyoga,yoga/v0.mp4,all\n",
       "annotations:2: wanted a split train, val or test"},
      {"label,youtube_id,time_start,time_end\nyoga,x,ten,20\n",
       "annotations:2: wanted seconds as time_start"},
      {"label,youtube_id,time_start,time_end\nyoga,x,1e30,20\n",
       "annotations:2: wanted seconds as time_start"},
      {"label,path\nyoga,nowhere.mp4\n", "wanted annotated videos in"},
      {"", "wanted annotated videos in"},
  };
  for (const auto& [text, expected] : kCases) {
    const std::string csv = folder.write("annotations", text);
    const std::string message = message_of<Error>([&] { videos_of_annotations(csv, videos); });
    EXPECT_NE(message.find(expected), std::string::npos) << text << "\n" << message;
  }
  const auto found = videos_of_folders(videos);
  const auto fault = [&](const std::vector<LabelledVideo>& v, ListOptions o) {
    o.dir = lists;
    return message_of<Error>([&] { write_video_lists(v, o); });
  };
  EXPECT_NE(fault(found, {.val = 0.5, .test = 0.5}).find("leave some for train"),
            std::string::npos);
  EXPECT_NE(fault(found, {.separator = ""}).find("separator"), std::string::npos);
  EXPECT_NE(fault(found, {.classes = {"yoga"}}).find("found 'archery'"), std::string::npos);
  EXPECT_NE(fault({{.path = "a b.mp4", .class_name = "c"}}, {}).find("--separator"),
            std::string::npos);
  EXPECT_EQ(fault({{.path = "a b.mp4", .class_name = "c"}}, {.separator = ","}), "");
  EXPECT_THROW(videos_of_folders(folder.path() / "nowhere"), Error);
  EXPECT_THROW(videos_of_folders(lists), Error);
}

TEST_F(MakeLists, FrameListsHaveAvasFiveColumns) {
  for (const char* name : {"b/b_000002.jpg", "b/b_000001.jpg", "a/a_000001.jpg", "c/notes.txt"})
    touch(fs::path("frames") / name);
  const fs::path frames = folder.path() / "frames", list = folder.path() / "list.csv";
  const FrameListCounts all = write_frame_list(frames, "", list);
  EXPECT_EQ(all.videos, 2);
  EXPECT_EQ(all.frames, 3);
  EXPECT_EQ(all.missing, Strings{"c"});
  EXPECT_EQ(file_content(list),
            "original_vido_id video_id frame_id path labels\n"
            "a 0 0 a/a_000001.jpg \"\"\n"
            "b 1 0 b/b_000001.jpg \"\"\n"
            "b 1 1 b/b_000002.jpg \"\"\n");
  const std::string names = folder.write(
      "ava.csv", "b,0902,0.1,0.1,0.2,0.2,12,0\nb,0903,0.1,0.1,0.2,0.2,12,0\nd.mkv\na.mkv\n");
  const FrameListCounts named = write_frame_list(frames, names, list);
  EXPECT_EQ(named.missing, Strings{"d"});
  EXPECT_EQ(file_content(list),
            "original_vido_id video_id frame_id path labels\n"
            "b 0 0 b/b_000001.jpg \"\"\n"
            "b 0 1 b/b_000002.jpg \"\"\n"
            "a 1 0 a/a_000001.jpg \"\"\n");
  const std::string before = file_content(list);
  EXPECT_THROW(write_frame_list(videos, "", list), Error);
  EXPECT_THROW(write_frame_list(frames, folder.write("none.csv", "x\n"), list), Error);
  touch("frames/two words/p_000001.jpg");
  EXPECT_NE(message_of<Error>([&] { write_frame_list(frames, "", list); }).find("without blanks"),
            std::string::npos);
  EXPECT_EQ(file_content(list), before);
}

}  // namespace
}  // namespace sf
