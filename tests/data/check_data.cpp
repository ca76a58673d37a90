#include "data/check_data.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "golden_ava.h"
#include "temporary_folder.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

// A sound set of one video of 4 pictures of 37x29 and one file, to plant faults into.
class Planted {
 public:
  Planted() {
    std::filesystem::create_directories(folder.path() / "a");
    for (const char* name : {"a/1.jpg", "a/2.jpg", "a/3.jpg", "a/4.jpg"})
      folder.write(name, picture("420"));
    std::filesystem::copy_file(golden_video("short_32_frames.mp4"), folder.path() / "b.mp4");
    options = {.frame_lists = {folder.path() / "list.csv"},
               .frame_folder = folder.path(),
               .annotations = {folder.path() / "annotated.csv"},
               .detections = {folder.path() / "detected.csv"},
               .num_classes = 3,
               .fps = 1,
               .start_second = 0,
               .seconds = {0, 100}};
  }

  static std::string picture(const char* name) {
    const Safetensors opencv =
        read_safetensors(golden_folder() / "augmentation/opencv.safetensors");
    const Tensor& file = opencv.at(cat("jpeg.", name));
    return {reinterpret_cast<const char*>(file.data()), size_t(file.numel())};
  }

  // The faults, without the folder's name.
  std::vector<std::string> faults(int least_short_side = 29) {
    folder.write("list.csv", list);
    folder.write("annotated.csv", annotated);
    folder.write("detected.csv", detected);
    std::vector<std::string> found;
    const std::string prefix = folder.path().string() + "/";
    counts =
        check_ava(options, {.least_short_side = least_short_side, .report = [&](std::string fault) {
                              for (size_t at; (at = fault.find(prefix)) != fault.npos;)
                                fault.erase(at, prefix.size());
                              found.push_back(fault);
                            }});
    return found;
  }

  TemporaryFolder folder;
  AvaOptions options;
  DataCounts counts;
  std::string list =
      "original_vido_id video_id frame_id path labels\n"
      "a 0 0 a/1.jpg \"\"\n"
      "a 0 1 a/2.jpg \"\"\n"
      "a 0 2 a/3.jpg \"\"\n"
      "a 0 3 a/4.jpg \"\"\n"
      "b 1 0 b.mp4 \"\"\n";
  std::string annotated = "a,1,0,0,1,1,3,0\nb,20,0.1,0.1,0.2,0.2,1,0\n";
  std::string detected = "a,2,0,0,1,1,,0.95\n";
};

using Faults = std::vector<std::string>;

TEST(CheckData, ASoundSetHasNoFaults) {
  Planted set;
  EXPECT_EQ(set.faults(), Faults());
  EXPECT_EQ(set.counts.files, 5);
  EXPECT_EQ(set.counts.boxes, 3);
}

TEST(CheckData, EachPlantedFaultIsFoundWithItsLine) {
  const HangGuard guard;
  Planted set;
  set.annotated += "a,1,0,0,1,1,4,0\n";      // 3: label
  set.annotated += "a,1,0,0,1,\t2,3,0\n";    // 4: box beyond the picture
  set.annotated += "a,1,0.5,0,\t0,1,3,0\n";  // 5: box reversed
  set.annotated += "a,7,0,0,1,1,3,0\n";      // 6: second without a frame
  set.annotated += "a,7,0,0,0.5,1,3,0\n";    // the same second is told once
  set.annotated += "a,101,0,0,1,1,3,0\n";    // 8: second out of range
  set.annotated += "a,1,0,0,1,1\n";          // 9: fields
  set.annotated += "c,1,0,0,1,1,3,0\n";      // 10: video in no list
  set.detected += "a,1,0,0,1,1,,high\n";     // 2: score
  set.list += "a 0 4\n";                     // 7: words
  set.list += "a 0 5 a/5.jpg \"\"\n";        // 8: no such file
  set.list += "d 2 0 d.mp4 \"\"\n";          // 9: no video
  set.folder.write("a/2.jpg", Planted::picture("420").substr(0, 1000));
  set.folder.write("a/3.jpg", Planted::picture("dot"));
  set.folder.write("d.mp4", "no video");
  const Faults found = set.faults();
  const Faults wanted = {
      "list.csv:7: wanted 5 words, found 3",
      "annotated.csv:3: wanted a label in [1, 3], found 4",
      "annotated.csv:8: wanted a second in [0, 100], found 101",
      "annotated.csv:9: wanted video,second,left,top,right,bottom,label, found 6 fields",
      "detected.csv:2: wanted a number as score, found \"high\"",
      "annotated.csv:10: c: is in no frame list, as 1 row of this file",
      "annotated.csv:4: wanted a box within 0 and 1, found 0,0,1,\\x092",
      "annotated.csv:5: wanted left,top,right,bottom of a box, found 0.5,0,\\x090,1",
      "annotated.csv:6: wanted a second of the 5 frames of a, found 7, frame 7",
      "list.csv:3: a/2.jpg: wanted an intact JPEG picture: ",
      "list.csv:4: a/3.jpg: wanted a short side of at least 29, found 1x1",
      "list.csv:8: a/5.jpg: no such file",
      "list.csv:9: d.mp4: ",
  };
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i)
    EXPECT_TRUE(found[i].starts_with(wanted[i]))
        << "found  " << found[i] << "\nwanted " << wanted[i];
}

TEST(CheckData, PicturesOfAVideoHaveOneSize) {
  Planted set;
  set.folder.write("a/3.jpg", Planted::picture("dot"));
  EXPECT_EQ(set.faults(0),
            Faults{"list.csv:4: a/3.jpg: wanted a picture of 29x37 as the others of a, found 1x1"});
}

TEST(CheckData, ListsOfVideosAreDecoded) {
  const HangGuard guard;
  const TemporaryFolder folder;
  const std::string good = golden_video("short_32_frames.mp4");
  const std::string cut = folder.write("cut.mp4", file_content(good).substr(0, 100000));
  const std::string list =
      folder.write("test.csv", cat(good, " 1\n", good, " x\n", cut, " 0\nnowhere.mp4 0\n"));
  Faults found;
  const auto check = [&](int side) {
    found.clear();
    return check_kinetics({.list = list, .num_classes = 2},
                          {.least_short_side = side,
                           .report = [&](const std::string& fault) { found.push_back(fault); }});
  };
  EXPECT_EQ(check(256).files, 3);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], list + ":2: wanted a whole number as label, found \"x\"");
  EXPECT_EQ(found[1].find(cat(list, ":3: ", cut, ": ")), 0u) << found[1];
  EXPECT_EQ(found[2],
            cat(list, ":4: ", (folder.path() / "nowhere.mp4").string(), ": no such file"));
  check(257);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[1],
            cat(list, ":1: ", good, ": wanted a short side of at least 257, found 256x340"));
}

}  // namespace
}  // namespace sf
