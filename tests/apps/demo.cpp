// sf demo: a labelled video and the scores behind it.
#include <algorithm>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/engine/box_scores.h"
#include "apps/engine/clip_scores.h"
#include "apps/engine/inference.h"
#include "apps/engine/setup.h"
#include "data/draw/labels.h"
#include "data/test_loader.h"
#include "data/video_reader.h"
#include "data/video_writer.h"
#include "models/weights.h"
#include "tests/apps/command_line.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kConfig[] = "configs/synthetic/SLOWFAST_TINY.yaml";

class Demo : public CommandLine {
 protected:
  // Grey, so that everything else was drawn.
  fs::path grey_video(int frames, int width, int height, int fps_num = 30, int fps_den = 1) const {
    fs::path path = folder / "grey.mp4";
    const std::vector<uint8_t> rgb(size_t(width) * size_t(height) * 3, 128);
    VideoWriter writer(path,
                       {.width = width, .height = height, .fps_num = fps_num, .fps_den = fps_den});
    for (int i = 0; i < frames; ++i) writer.write({rgb.data(), int64_t(width) * 3, width, height});
    writer.finish();
    return path;
  }

  Outcome demo(const fs::path& input, const std::string& more = "") const {
    return sf(cat("demo --cfg ", kConfig, " --input ", input.string(), " --output ",
                  (folder / "out.mp4").string(), " ", more));
  }

  std::vector<json> lines() const {
    std::ifstream in(folder / "out.jsonl");
    std::vector<json> all;
    for (std::string line; std::getline(in, line);) all.push_back(json::parse(line));
    return all;
  }
};

TEST_F(Demo, WritesEveryFrameAtTheSameRateAndSizeAndALineForEachClip) {
  const fs::path input = grey_video(75, 96, 64, 30000, 1001);
  const Outcome outcome = demo(input, "--top 3");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  VideoReader reader(folder / "out.mp4");
  EXPECT_EQ(reader.frame_count(), 75);
  EXPECT_EQ(reader.info().width, 96);
  EXPECT_EQ(reader.info().height, 64);
  EXPECT_EQ(reader.info().fps, 30000.0 / 1001);
  const auto clips = lines();
  ASSERT_EQ(clips.size(), 3u);  // of 32 x 29.97 / 30 frames; the last ends with the video
  EXPECT_EQ(clips[0]["start"], 0.0);
  EXPECT_NEAR(double(clips[0]["end"]), 32 / 30.0, 1e-6) << "six decimals";
  EXPECT_EQ(clips[1]["start"], clips[0]["end"]);
  EXPECT_NEAR(double(clips[2]["end"]), 75 * 1001 / 30000.0, 1e-6);
  for (size_t i = 0; i < clips.size(); ++i) {
    EXPECT_EQ(clips[i]["clip"], i);
    ASSERT_EQ(clips[i]["classes"].size(), 3u);
    for (const json& c : clips[i]["classes"]) EXPECT_EQ(c["name"], std::to_string(int(c["class"])));
    EXPECT_GE(double(clips[i]["classes"][0]["score"]), double(clips[i]["classes"][1]["score"]));
  }
}

// The frame that `sf demo` wrote, RGB.
Tensor frame_of(const fs::path& video, int64_t frame) {
  VideoReader reader(video);
  const std::vector<int64_t> one{frame};
  return reader.frames(one);
}

TEST_F(Demo, DrawsThePanelAndTheBoxesOnTheirFrames) {
  const fs::path input = grey_video(40, 320, 240);
  const fs::path boxes = folder / "boxes.csv";
  // From frame 20 on; a quarter of a second further it has moved by a quarter.
  std::ofstream(boxes)
      << "frame,x1,y1,x2,y2,person\n20,0.5,0.5,0.75,0.9,1\n36,0.7,0.5,0.95,0.9,1\n";
  const Outcome outcome = demo(input, cat("--boxes ", boxes.string()));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const int width = line_width(Font(font_pixels(320, 240)));
  const struct {
    int64_t frame;
    int left;  // of the box; -1: none
  } kCases[] = {{0, -1}, {11, -1}, {20, 160}, {28, 192}, {36, 224}};
  for (const auto& [frame, left] : kCases) {
    SCOPED_TRACE(frame);
    const Tensor rgb = frame_of(folder / "out.mp4", frame);
    // How far a pixel is from the input's grey. Lossy coding moves grey by a few levels, colours
    // that are drawn differ from it by more than 30 in some channel.
    const auto drawn = [&](int x, int y) {
      const uint8_t* p = rgb.span<uint8_t>().data() + (int64_t(y) * 320 + x) * 3;
      int most = 0;
      for (int c = 0; c < 3; ++c) most = std::max(most, std::abs(int(p[c]) - 128));
      return most > 30;
    };
    EXPECT_TRUE(drawn(10, 10)) << "the panel";
    EXPECT_FALSE(drawn(310, 20));
    const int y = 170;  // the middle of the box
    EXPECT_FALSE(drawn(100, y));
    EXPECT_EQ(drawn(std::max(left, 160) + width / 2, y), left >= 0);
    if (left < 0) continue;
    EXPECT_TRUE(drawn(left + 80 - 1 - width / 2, y));
    EXPECT_FALSE(drawn(left - 4, y));
    EXPECT_FALSE(drawn(left + 40, y)) << "the inside";
    EXPECT_FALSE(drawn(left + 80 + 4, y));
    EXPECT_TRUE(drawn(left + 40, 120 + width / 2)) << "the upper edge";
    EXPECT_TRUE(drawn(left + 40, 216 - 1 - width / 2)) << "the lower edge";
  }
}

class OneVideo final : public Dataset {
 public:
  explicit OneVideo(const fs::path& path) : item_{.path = path.string()} {}
  int64_t size() const override { return 1; }
  const VideoItem& video(int64_t) const override { return item_; }

 private:
  VideoItem item_;
};

// A test's two views are the clip at the start of the video and that at its end.
TEST_F(Demo, ScoresAreThoseOfATest) {
  const fs::path set = folder / "set";
  ASSERT_EQ(sf(cat("synth --out ", set.string(), " --videos 3")).status, 0);
  const fs::path input = set / "videos/000001.mp4";
  Config config = Config::load(fs::path(SF_SOURCE_DIR) / kConfig, {});
  config.set("TEST.NUM_ENSEMBLE_VIEWS", "2");
  config.set("DATA.USE_OFFSET_SAMPLING", "True");
  const auto model = initial_model(config, DType::f32);
  const std::vector<Device> devices{Device{}};
  const auto clips = score_clips(config, *model, devices, input);

  const OneVideo dataset(input);
  const TestLoaderOptions loading = test_loader_options(config);
  TestLoader loader(dataset, loading);
  Inference network(*model, loading.crop_size, {.max_batch = loading.crops});
  ASSERT_GT(loading.crops, 1);
  for (const ClipScores& clip : {clips.front(), clips.back()}) {
    std::vector<std::vector<Tensor>> crops;
    for (int c = 0; c < loading.crops; ++c) crops.push_back(std::move(loader.next()->pathways));
    const Tensor scores = network.run(crops).scores;
    const auto classes = size_t(scores.shape()[1]);
    ASSERT_EQ(clip.scores.size(), classes);
    for (size_t k = 0; k < classes; ++k) {
      float sum = 0;
      for (size_t c = 0; c < crops.size(); ++c) sum += scores.span<float>()[c * classes + k];
      // Batches of other sizes may take other kernels, which sum in another order.
      EXPECT_NEAR(clip.scores[k], sum / float(crops.size()), 1e-5);
    }
  }
  EXPECT_FALSE(loader.next());
}

TEST_F(Demo, RunsAsThePhaseOfARun) {
  const fs::path input = grey_video(40, 96, 64);
  const Outcome outcome = sf(
      cat("run --cfg ", kConfig, " TRAIN.ENABLE False TEST.ENABLE False DEMO.ENABLE True ",
          "DEMO.INPUT_VIDEO ", input.string(), " DEMO.OUTPUT_FILE ", (folder / "out.mp4").string(),
          " DEMO.OUTPUT_FPS 10 DEMO.BUFFER_SIZE 16 OUTPUT_DIR ", folder.string()));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  VideoReader reader(folder / "out.mp4");
  EXPECT_EQ(reader.info().fps, 10);
  EXPECT_EQ(reader.frame_count(), 40);
  ASSERT_EQ(lines().size(), 2u);
  EXPECT_NEAR(double(lines()[1]["start"]), 8 / 30.0, 1e-6);
}

// A bright square that moves over grey.
fs::path moving_video(const fs::path& path, int frames, int width, int height) {
  VideoWriter writer(path, {.width = width, .height = height, .fps_num = 30, .fps_den = 1});
  for (int t = 0; t < frames; ++t) {
    std::vector<uint8_t> rgb(size_t(width) * size_t(height) * 3, 128);
    for (int y = 10; y < 30; ++y)
      for (int x = t; x < t + 20; ++x)
        for (int c = 0; c < 3; ++c)
          rgb[(size_t(y) * size_t(width) + size_t(x)) * 3 + size_t(c)] = 250;
    writer.write({rgb.data(), int64_t(width) * 3, width, height});
  }
  writer.finish();
  return path;
}

TEST_F(Demo, BoxesHaveTheScoresOfTheirFramesAndPlaces) {
  const fs::path video = moving_video(folder / "moving.mp4", 60, 96, 64);
  const Config config = SmallCase("ava_slowfast_r50").config;
  const auto model = make_model(config, DType::f32);
  fill_counter_weights(*model);
  const BoxCorners left{0, 0, 0.5, 1}, right{0.5, 0.1, 1, 0.9};
  const auto scores = [&](const std::vector<KeyBox>& boxes) {
    return score_boxes(config, *model, std::array{Device{}}, video, 30, boxes);
  };
  const auto all = scores({{.frame = 15, .box = left},
                           {.frame = 15, .box = right},
                           {.frame = 15, .box = left},
                           {.frame = 40, .box = left}});
  ASSERT_EQ(all.size(), 4u);
  for (const auto& of_box : all) EXPECT_EQ(of_box.size(), 80u);
  EXPECT_EQ(all[0], all[2]);
  EXPECT_GT(difference(all[0], all[1]), 1e-3);
  EXPECT_GT(difference(all[0], all[3]), 1e-3);
  // Alone, kernels may block their sums otherwise: some roundings of a probability.
  EXPECT_LT(difference(scores({{.frame = 15, .box = right}})[0], all[1]), 1e-6);
  EXPECT_LT(difference(scores({{.frame = 40, .box = left}})[0], all[3]), 1e-6);
}

TEST_F(Demo, LabelsOfABoxAreThoseAboveTheirThresholds) {
  Config config;
  const std::vector<std::string> names{"walk", "juggle", "sit", "stand"};
  const std::vector<float> scores{0.6f, 0.5f, 0.75f, 0.2f};
  using Labels = std::vector<std::string>;
  EXPECT_EQ(box_labels(config, scores, names, 5), (Labels{"sit 0.75", "juggle 0.50"}));
  EXPECT_EQ(box_labels(config, scores, names, 1), (Labels{"sit 0.75"}));
  config.set("DEMO.VIS_MODE", "top-k");
  EXPECT_EQ(box_labels(config, scores, names, 3), (Labels{"sit 0.75", "walk 0.60", "juggle 0.50"}));
  config.set("DEMO.VIS_MODE", "some");
  EXPECT_THROW(box_labels(config, scores, names, 3), Error);
}

TEST_F(Demo, ADetectionNetworkLabelsBoxes) {
  const fs::path input = grey_video(60, 96, 64), boxes = folder / "boxes.csv";
  std::ofstream(boxes) << "second,x1,y1,x2,y2,person\n0.5,0.25,0.25,0.75,0.75,3\n"
                          "1.5,0.25,0.25,0.75,0.75,3\n1.5,0,0,0.2,0.5,4\n";
  const Outcome outcome =
      sf(cat("demo", SmallCase("ava_slowfast_r50").arguments(), " --input ", input.string(),
             " --output ", (folder / "out.mp4").string(), " --boxes ", boxes.string(),
             " --top 2 DEMO.VIS_MODE top-k TEST.CHECKPOINT_FILE_PATH '' SF.CLASS_NAMES_PATH ",
             SF_SOURCE_DIR, "/tests/golden/ava/ava_action_list_v2.2_for_activitynet_2019.pbtxt"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto all = lines();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]["second"], 0.5);
  EXPECT_EQ(all[2]["person"], 4);
  for (const json& line : all) {
    ASSERT_EQ(line["classes"].size(), 2u);
    const double best = line["classes"][0]["score"];
    EXPECT_GE(best, double(line["classes"][1]["score"]));
    EXPECT_TRUE(best > 0 && best < 1) << best;
    EXPECT_EQ(line["classes"][0]["name"].get<std::string>().find("unknown"), std::string::npos);
  }
  VideoReader reader(folder / "out.mp4");
  EXPECT_EQ(reader.frame_count(), 60);
  const Tensor middle = frame_of(folder / "out.mp4", 30);
  const auto pixel = [&](size_t y, size_t x) {
    return middle.span<uint8_t>().subspan((y * 96 + x) * 3, 3);
  };
  const auto far_from_grey = [](std::span<const uint8_t> p) {
    return std::abs(p[0] - 128) + std::abs(p[1] - 128) + std::abs(p[2] - 128) > 30;
  };
  EXPECT_TRUE(far_from_grey(pixel(40, 24)));   // the left border
  EXPECT_FALSE(far_from_grey(pixel(60, 90)));  // far from all boxes
}

TEST_F(Demo, BadInputIsOneLine) {
  const fs::path input = grey_video(4, 96, 64);
  const fs::path text = folder / "text.txt";
  std::ofstream(text) << "second,x1,y1,x2,y2\n1,0,0,2,1\n";
  const std::string in = input.string();
  const struct {
    std::string arguments, expected;
  } kCases[] = {
      {cat("demo --cfg configs/AVA/c2/SLOWFAST_32x2_R50.yaml --input ", in, " --output x.mp4"),
       "DETECTION.ENABLE: wanted a file of boxes"},
      {cat("demo --cfg ", kConfig, " --input nowhere.mp4 --output x.mp4"), "nowhere.mp4"},
      {cat("demo --cfg ", kConfig, " --input ", text.string(), " --output x.mp4"), "text.txt"},
      {cat("demo --cfg ", kConfig, " --input ", in, " --output ", in), "wanted another file"},
      {cat("demo --cfg ", kConfig, " --input ", in, " --output x.mp4 --boxes ", text.string()),
       "text.txt:2: wanted x2 in [0, 1], found 2"},
      {cat("demo --cfg ", kConfig, " --input ", in, " --output ", (folder / "no/x.mp4").string()),
       "no/x"},
      {cat("demo --cfg ", kConfig, " --input ", in, " --output x.mp4 DEMO.BUFFER_SIZE 17"),
       "(DEMO.BUFFER_SIZE)"},
      {cat("run --cfg ", kConfig, " DEMO.ENABLE True OUTPUT_DIR ", folder.string()),
       "DEMO.INPUT_VIDEO"},
      {cat("run --cfg ", kConfig, " DEMO.ENABLE True DEMO.WEBCAM 0 OUTPUT_DIR ", folder.string()),
       "DEMO.WEBCAM"},
  };
  for (const auto& [arguments, expected] : kCases) {
    const Outcome outcome = sf(arguments);
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << arguments << "\n" << outcome.err;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
  EXPECT_EQ(sf(cat("demo --cfg ", kConfig, " --input ", in)).status, 2);
}

}  // namespace
}  // namespace sf
