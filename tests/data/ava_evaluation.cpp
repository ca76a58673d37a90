#include "data/ava_evaluation.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "golden.h"
#include "kernels/base/error.h"
#include "temporary_folder.h"

namespace sf {
namespace {

std::filesystem::path golden_ava(const char* name) { return golden_folder() / "ava" / name; }

// The values of one level of JSON by name; NaN for null.
std::map<std::string, double> read_numbers(const std::filesystem::path& file) {
  std::map<std::string, double> numbers;
  for_each_line(file, "JSON", [&](const TextLine& line) {
    const size_t colon = line.text.rfind("\": ");
    if (colon == line.text.npos) return;
    const size_t first = line.text.find('"') + 1;
    const std::string value(line.text.substr(colon + 3));
    numbers[std::string(line.text.substr(first, colon - first))] =
        value.starts_with("null") ? std::nan("") : std::stod(value);
  });
  return numbers;
}

TEST(AvaEvaluation, EveryClassScoresAsInTheOriginal) {
  const auto classes =
      read_ava_classes(golden_ava("ava_action_list_v2.2_for_activitynet_2019.pbtxt"));
  const AvaScore score =
      evaluate_ava(read_ava_boxes(golden_ava("ava_val_gt.csv"), AvaFile::truth),
                   read_ava_boxes(golden_ava("predictions.csv"), AvaFile::detections), classes,
                   read_ava_exclusions(golden_ava("ava_val_excluded_timestamps.csv")));
  const auto wanted = read_numbers(golden_ava("predictions_map.json"));
  ASSERT_EQ(wanted.size(), 61u);
  ASSERT_EQ(score.classes.size(), 60u);
  // Both are computed in float64; sums of a few shares round apart.
  constexpr double kRounding = 1e-12;
  EXPECT_NEAR(score.mean, wanted.at("PascalBoxes_Precision/mAP@0.5IOU"), kRounding);
  int counted = 0;
  for (const AvaClassScore& c : score.classes) {
    const double w = wanted.at("PascalBoxes_PerformanceByCategory/AP@0.5IOU/" + c.label.name);
    EXPECT_EQ(std::isnan(c.average_precision), std::isnan(w)) << c.label.name;
    if (std::isnan(w)) continue;
    EXPECT_NEAR(c.average_precision, w, kRounding) << c.label.name;
    ++counted;
  }
  EXPECT_GT(counted, 10);
}

constexpr BoxCorners kBox{0.1, 0.1, 0.5, 0.5};
constexpr BoxCorners kNear{0.1, 0.1, 0.5, 0.4};  // overlaps it by 3/4
constexpr BoxCorners kFar{0.6, 0.6, 0.9, 0.9};

class OneClass {
 public:
  OneClass& truth(const BoxCorners& box, int64_t second = 902) {
    truth_.add({"v", second}, {.box = box, .label = 1});
    return *this;
  }
  OneClass& detection(const BoxCorners& box, double score, int64_t second = 902) {
    detections_.add({"v", second}, {.box = box, .label = 1, .score = score});
    return *this;
  }
  double precision(const std::set<VideoSecond>& excluded = {}) const {
    const AvaClass a{1, "a"};
    return evaluate_ava(truth_, detections_, {&a, 1}, excluded).classes[0].average_precision;
  }

 private:
  AvaBoxes truth_, detections_;
};

TEST(AvaEvaluation, DetectionsAreMatchedInTheirOrderNotByScore) {
  // The first takes the annotated box, whatever its score. At rank 1 nothing is right then.
  EXPECT_EQ(OneClass().truth(kBox).detection(kNear, 0.3).detection(kBox, 0.9).precision(), 0.5);
  EXPECT_EQ(OneClass().truth(kBox).detection(kBox, 0.9).detection(kNear, 0.3).precision(), 1);
}

TEST(AvaEvaluation, ADetectionWhoseBestBoxIsTakenGetsNoOther) {
  constexpr BoxCorners kBelow{0.1, 0.15, 0.5, 0.55};  // overlaps kBox by 7/9
  EXPECT_EQ(
      OneClass().truth(kBox).truth(kBelow).detection(kBox, 0.9).detection(kBox, 0.8).precision(),
      0.5);
}

TEST(AvaEvaluation, HalfAnOverlapIsEnough) {
  constexpr BoxCorners kWhole{0, 0, 1, 1}, kHalf{0, 0, 0.5, 1}, kLess{0, 0, 0.4999, 1};
  EXPECT_EQ(OneClass().truth(kWhole).detection(kHalf, 0.9).precision(), 1);
  EXPECT_EQ(OneClass().truth(kWhole).detection(kLess, 0.9).precision(), 0);
}

TEST(AvaEvaluation, WhatDoesNotCount) {
  EXPECT_TRUE(std::isnan(OneClass().detection(kBox, 0.9).precision()));
  EXPECT_EQ(OneClass().truth(kBox).precision(), 0);
  // A detection on a key frame without annotations is wrong, unless the key frame is excluded.
  const OneClass two = OneClass().truth(kBox).detection(kFar, 0.9, 903).detection(kBox, 0.5);
  EXPECT_EQ(two.precision(), 0.5);
  EXPECT_EQ(two.precision({{"v", 903}}), 1);
  // Without area it is no detection.
  EXPECT_EQ(
      OneClass().truth(kBox).detection({0.3, 0.3, 0.3, 0.5}, 0.9).detection(kBox, 0.5).precision(),
      1);
  // Annotated boxes count where nothing was detected.
  EXPECT_EQ(OneClass().truth(kBox).truth(kBox, 903).detection(kBox, 0.5).precision(), 0.5);
}

TEST(AvaEvaluation, OfEqualScoresTheLaterRanksFirst) {
  EXPECT_EQ(OneClass().truth(kBox).detection(kBox, 0.5).detection(kFar, 0.5).precision(), 0.5);
  EXPECT_EQ(OneClass().truth(kBox).detection(kFar, 0.5).detection(kBox, 0.5).precision(), 1);
}

TEST(AvaEvaluation, ClassesOutsideOfTheLabelMapDoNotCount) {
  AvaBoxes truth, detections;
  for (int64_t label : {1, 2}) truth.add({"v", 902}, {.box = kBox, .label = label});
  const std::vector<AvaClass> classes{{2, "b"}};
  const std::array scores{0.9f, 0.2f};
  detections.add({"v", 902}, kBox, scores, classes);
  const AvaScore score = evaluate_ava(truth, detections, classes, {});
  ASSERT_EQ(score.classes.size(), 1u);
  EXPECT_EQ(score.classes[0].truths, 1);
  EXPECT_EQ(score.classes[0].detections, 1);
  EXPECT_EQ(detections.frames()[0].boxes[0].score, double(0.2f));
  EXPECT_EQ(message_of<Error>([&] {
              detections.add({"v", 902}, kBox, {scores.data(), 1}, classes);
            }),
            "detections: wanted a score of class 2 (b), found 1 scores");
  EXPECT_EQ(classes_of(truth), (std::vector<AvaClass>{{1, "class 1"}, {2, "class 2"}}));
}

TEST(AvaBoxes, AreWrittenAsByTheOriginal) {
  const TemporaryFolder folder;
  AvaBoxes boxes;
  boxes.add({"a b", 7}, {.box = {0.12345, 0, 1, 0.9996}, .label = 80, .score = 0.98765});
  boxes.add({"a b", 1234}, {.box = kBox, .label = 1, .score = 1e-9});
  boxes.add({"a b", 7}, {.box = kBox, .label = 3, .score = 1});
  const auto file = folder.path() / "detections.csv";
  write_ava_boxes(file, boxes);
  EXPECT_EQ(file_content(file),
            "a b,0007,0.123,0.000,1.000,1.000,80,0.9877\n"
            "a b,0007,0.100,0.100,0.500,0.500,3,1.0000\n"
            "a b,1234,0.100,0.100,0.500,0.500,1,0.0000\n");
  const AvaBoxes again = read_ava_boxes(file, AvaFile::detections);
  ASSERT_EQ(again.frames().size(), 2u);
  EXPECT_EQ(again.frames()[0].key, VideoSecond("a b", 7));
  EXPECT_EQ(again.frames()[0].boxes[1].label, 3);
  EXPECT_EQ(read_ava_boxes(file, AvaFile::detections, 2).frames()[0].key, VideoSecond("a b", 1234));
}

TEST(AvaRows, OfAnotherFormAreNamedByFileAndLine) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& row, AvaFile kind) {
    const std::string path = folder.write("a.csv", "v,902,0,0,1,1,1,0.5\n" + row + "\n");
    const std::string text = message_of<Error>([&] { read_ava_boxes(path, kind); });
    EXPECT_EQ(text.find(path + ":2: "), 0u) << text;
    return text.substr(std::min(text.size(), path.size() + 4));
  };
  const auto detections = AvaFile::detections, truth = AvaFile::truth;
  EXPECT_EQ(message("v,902,0,0,1,1,1", detections),
            "wanted video,second,left,top,right,bottom,label,score, found 7 fields");
  EXPECT_EQ(message("v,902", truth),
            "wanted video,second,left,top,right,bottom,label, found 2 fields");
  EXPECT_EQ(message(",902,0,0,1,1,1", truth), "wanted the name of a video, found none");
  EXPECT_EQ(message("v,9o2,0,0,1,1,1", truth), "wanted a whole number of seconds, found \"9o2\"");
  EXPECT_EQ(message("v,-1,0,0,1,1,1", truth), "wanted a whole number of seconds, found \"-1\"");
  EXPECT_EQ(message("v,902,0,nan,1,1,1", truth), "wanted a number as top, found \"nan\"");
  EXPECT_EQ(message("v,902,0,0,1e999,1,1", truth), "wanted a number as right, found \"1e999\"");
  EXPECT_EQ(message("v,902,0,0,1,1,x", truth), "wanted a whole number as label, found \"x\"");
  EXPECT_EQ(message("v,902,0,0,1,1,", truth), "wanted a label from 1 on, found none");
  EXPECT_EQ(message("v,902,0,0,1,1,0", truth), "wanted a label from 1 on, found 0");
  EXPECT_EQ(message("v,902,0,0,1,1,1,", detections), "wanted a number as score, found \"\"");
  EXPECT_EQ(message("v,902,1,0,0,1,1", truth),
            "wanted left,top,right,bottom of a box, found 1,0,0,1");
  EXPECT_EQ(message("v,902,1,\t0,0,1,1", truth),
            "wanted left,top,right,bottom of a box, found 1,\\x090,0,1");
}

TEST(AvaRows, LabelMapsAndExclusionsAreChecked) {
  const TemporaryFolder folder;
  const auto classes = [&](const std::string& text) {
    return message_of<Error>([&] { read_ava_classes(folder.write("l", text)); });
  };
  const std::string path = (folder.path() / "l").string();
  EXPECT_EQ(read_ava_classes(folder.write("l", "label {\n  name: \"a \"b\"\"\n  label_id: 7\n}\n")),
            (std::vector<AvaClass>{{7, "a \"b\""}}));
  EXPECT_EQ(classes("item {\n}\n"), path + ": wanted at least one class, found none");
  EXPECT_EQ(classes("  name: \"a\"\n  id: 0\n"),
            path + ":2: wanted an id in [1, 1048576], found \"id: 0\"");
  EXPECT_EQ(classes("  id: 1\n"), path + ":1: wanted a name before the id 1, found none");
  EXPECT_EQ(classes("  name: a\n"), path + ":1: wanted name: \"...\", found \"name: a\"");
  EXPECT_EQ(classes("  name: \"a\"\n  id: 1\n  name: \"b\"\n  id: 1\n"),
            path + ":4: wanted each id once, found 1 again");
  EXPECT_EQ(message_of<Error>([&] { read_ava_exclusions(folder.write("l", "v,1\nv\n")); }),
            path + ":2: wanted video,second, found 1 fields");
}

}  // namespace
}  // namespace sf
