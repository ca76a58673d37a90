#include "data/box_file.h"

#include <gtest/gtest.h>

#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

class BoxFile : public testing::Test {
 protected:
  std::vector<KeyBox> read(const std::string& text, const BoxFileOptions& options = {.fps = 30}) {
    return read_box_file(folder.write("boxes", text), options);
  }
  std::string fault(const std::string& text, const BoxFileOptions& options = {.fps = 30}) {
    const std::string message = message_of<Error>([&] { read(text, options); });
    const std::string path = (folder.path() / "boxes").string();
    return message.starts_with(path) ? message.substr(path.size()) : message;
  }

  TemporaryFolder folder;
};

TEST_F(BoxFile, ThreeKindsTellTheSameBoxes) {
  const std::string json =
      "{\"second\": 2, \"box\": [0.1, 0.2, 0.3, 0.4], \"score\": 0.5, \"person\": 7}\n"
      "{\"frame\": 15, \"box\": [0, 0, 1, 1]}\n";
  const std::string seconds =
      "\xEF\xBB\xBFsecond, x1, y1, x2, y2, score, person\r\n2,0.1,0.2,0.3,0.4,0.5,7\r\n"
      "0.5, 0, 0, 1, 1,,\r\n";
  const std::string frames = "person,y2,x2,y1,x1,frame\n7,0.4,0.3,0.2,0.1,60\n\n,1,1,0,0,15\n";
  for (const std::string& text : {json, seconds, frames}) {
    const auto boxes = read(text);
    ASSERT_EQ(boxes.size(), 2u) << text;
    EXPECT_EQ(boxes[0].frame, 15);
    EXPECT_EQ(boxes[0].box, (BoxCorners{0, 0, 1, 1}));
    EXPECT_FALSE(boxes[0].person || boxes[0].score);
    EXPECT_EQ(boxes[1].frame, 60);
    EXPECT_EQ(boxes[1].box, (BoxCorners{0.1, 0.2, 0.3, 0.4}));
    EXPECT_EQ(boxes[1].person, 7);
    EXPECT_EQ(boxes[1].score.value_or(0.5), 0.5);
  }
}

TEST_F(BoxFile, AvasPredictedBoxesAreThoseOfTheVideo) {
  const auto boxes = read(
      "1j20qq1JyX4,0902,0.002,0.118,0.714,0.977,12,0.995518\n"
      "other,0902,0.5,0.5,0.6,0.6,,0.9\n"
      "1j20qq1JyX4,0902,0.002,0.118,0.714,0.977,17,0.995518\n"
      "1j20qq1JyX4,0903,0.193,0.016,1.000,0.978,,0.81\n",
      {.fps = 25, .video = "1j20qq1JyX4", .starting_second = 900});
  ASSERT_EQ(boxes.size(), 2u);
  EXPECT_EQ(boxes[0].frame, 50);
  EXPECT_EQ(boxes[0].box, (BoxCorners{0.002, 0.118, 0.714, 0.977}));
  EXPECT_EQ(boxes[0].score, 0.995518);
  EXPECT_FALSE(boxes[0].person);
  EXPECT_EQ(boxes[1].frame, 75);
}

TEST_F(BoxFile, BoxesOfAFrameKeepTheirOrder) {
  const auto boxes =
      read("frame,x1,y1,x2,y2,person\n9,0,0,1,1,1\n3,0,0,1,1,2\n9,0,0,1,1,3\n3,0,0,1,1,4\n");
  std::vector<int64_t> persons;
  for (const KeyBox& b : boxes) persons.push_back(b.person.value());
  EXPECT_EQ(persons, (std::vector<int64_t>{2, 4, 1, 3}));
}

TEST_F(BoxFile, FaultsAreNamedWithTheirLine) {
  const std::string csv = "second,x1,y1,x2,y2,person,score\n1,0.1,0.1,0.2,0.2,,\n";
  const struct {
    std::string text, expected;
  } kCases[] = {
      {csv + "1,0.1,0.1,0.2,0.2,\n", ":3: wanted 7 fields, found 6"},
      {csv + "one,0.1,0.1,0.2,0.2,,\n", ":3: wanted a number as second, found \"one\""},
      {csv + "1,0.1,0.1,1.2,0.2,,\n", ":3: wanted x2 in [0, 1], found 1.2"},
      {csv + "1,-0.1,0.1,0.2,0.2,,\n", ":3: wanted x1 in [0, 1], found -0.1"},
      {csv + "1,0.1,nan,0.2,0.2,,\n", ":3: wanted a number as y1, found \"nan\""},
      {csv + "1,0.1,1e999,0.2,0.2,,\n", ":3: wanted a number as y1, found \"1e999\""},
      {csv + "1,0.3,0.1,0.2,0.2,,\n", ":3: wanted x1 < x2 and y1 < y2, found 0.3, 0.1, 0.2, 0.2"},
      {csv + "1,0.1,0.1,0.2,0.2,x,\n", ":3: wanted a whole number as person, found \"x\""},
      {csv + "1,0.1,0.1,0.2,0.2,,2\n", ":3: wanted a score in [0, 1], found 2"},
      {csv + "-1,0.1,0.1,0.2,0.2,,\n", ":3: wanted a second of the video, found -1"},
      {csv + "1e300,0.1,0.1,0.2,0.2,,\n", ":3: wanted a second of the video, found 1e+300"},
      {csv + std::string("1,\0,0.1,0.2,0.2,,\n", 18), ":3: wanted text, found a zero byte"},
      {"second,x1,y1,x2\n", ":1: wanted a column y2, found none"},
      {"x1,y1,x2,y2\n", ":1: wanted either a column second or a column frame, found neither"},
      {"second,frame,x1,y1,x2,y2\n", "a column frame, found both"},
      {"frame,x1,y1,x2,y2,x1\n", ":1: wanted each column once, found x1 again"},
      {"frame,x1,y1,x2,y2,name\n", ":1: wanted columns out of second, frame"},
      {"frame,x1,y1,x2,y2\n", ": wanted boxes, found none"},
      {"", ": wanted boxes, found none"},
      {"a,b,c\n", ":1: wanted video,second,left,top,right,bottom,label,score, found 3 fields"},
      {"v,0902,0.1,0.1,0.2,0.2,,0.9\n", ": wanted boxes of the video 'w', found 'v'"},
      {"w,0002,0.1,0.1,0.2,0.2,,0.9\n",
       ":1: wanted a second of the video, which begins with 900, found 2"},
      {"w,0902,0.1,0.1,0.2,0.2,12,3\n", ":1: wanted a score in [0, 1], found 3"},
      {"{\"frame\": 1}\n", ":1: wanted \"box\": [x1, y1, x2, y2], found none"},
      {"{\"frame\": 1, \"box\": [0, 0, 1]}\n", "[x1, y1, x2, y2], found something else"},
      {"{\"frame\": 1, \"box\": [0, 0, 1, \"1\"]}\n", ":1: wanted a number as y2, found string"},
      {"{\"frame\": \"1\", \"box\": [0, 0, 1, 1]}\n", ":1: wanted a number as frame, found string"},
      {"{\"box\": [0, 0, 1, 1]}\n", ":1: wanted either \"second\" or \"frame\", found neither"},
      {"{\"frame\": 1, \"box\": [0, 0, 1, 1], \"person\": 1.5}\n",
       ":1: wanted a whole number as person, found number"},
      {"{\"frame\": 1, \"box\": [0, 0, 1, 1]\n", ":1: "},
      {"{\"frame\": 1, \"box\": [0, 0, 1, 1]}\n[1]\n", ":2: wanted a JSON object, found array"},
  };
  for (const auto& [text, expected] : kCases) {
    const std::string found = fault(text, {.fps = 30, .video = "w", .starting_second = 900});
    EXPECT_NE(found.find(expected), std::string::npos) << text << "\n" << found;
    EXPECT_EQ(found.find('\n'), std::string::npos);
  }
  EXPECT_NE(
      message_of<Error>([&] { read_box_file(folder.path(), {}); }).find("wanted a file of boxes"),
      std::string::npos);
}

}  // namespace
}  // namespace sf
