#include "data/frame_extraction.h"

#include <gtest/gtest.h>

#include "data/jpeg.h"
#include "data/jpeg_writer.h"
#include "data/video_reader.h"
#include "kernels/base/error.h"
#include "moving_video.h"
#include "temporary_folder.h"

namespace sf {
namespace {

namespace fs = std::filesystem;
using Indices = std::vector<int64_t>;

TEST(ResampledFrames, AreThoseThatShowAtTheMiddleOfEachPicture) {
  const auto all = [](const FrameExtraction& o, double fps, int64_t frames) {
    return resampled_frames(o, fps, 0, resampled_count(o, fps, frames));
  };
  EXPECT_EQ(all({.fps = 30}, 30, 5), (Indices{0, 1, 2, 3, 4}));
  // FFmpeg's -r 30 for 25 frames a second: frame i begins at 1.2 i pictures.
  EXPECT_EQ(all({.fps = 30}, 25, 10), (Indices{0, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 9}));
  EXPECT_EQ(all({.fps = 30}, 60, 10), (Indices{0, 2, 4, 6, 8}));
  EXPECT_EQ(all({.fps = 30}, 30000.0 / 1001, 300).back(), 299);
  EXPECT_EQ(all({.fps = 30, .start = 0.1}, 30, 8), (Indices{3, 4, 5, 6, 7}));
  EXPECT_EQ(all({.fps = 30, .start = 0.1, .duration = 0.1}, 30, 8), (Indices{3, 4, 5}));
  EXPECT_EQ(all({.fps = 30, .start = 1}, 30, 8), Indices{});
  EXPECT_EQ(all({.fps = 1}, 30, 100), (Indices{14, 44, 74}));
}

class FrameExtractionFiles : public testing::Test {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(out))
      all.push_back(fs::relative(entry.path(), out));
    std::ranges::sort(all);
    return all;
  }

  TemporaryFolder folder;
  fs::path out = folder.path() / "frames";
};

TEST_F(FrameExtractionFiles, PicturesAreTheFramesOfTheVideo) {
  const fs::path video =
      write_moving_video(folder.path() / "clip one.mp4", 150, {.key_frame_interval = 20});
  const std::vector<fs::path> videos{video};
  const auto results =
      extract_frames(videos, {.dir = out, .start = 1, .duration = 3, .quality = 90});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].fault, "");
  EXPECT_EQ(results[0].pictures, 90);
  ASSERT_EQ(names().size(), 91u);
  EXPECT_EQ(names()[1], "clip one/clip one_000001.jpg");
  VideoReader reader(video);
  Indices frames;
  for (int64_t i = 30; i < 120; ++i) frames.push_back(i);
  JpegEncoder encoder;
  reader.visit(frames, [&](size_t k, const Picture& picture) {
    const auto bytes = encoder.encode(picture, 90);
    char name[32];
    std::snprintf(name, sizeof name, "clip one_%06zu.jpg", k + 1);
    EXPECT_EQ(file_content(out / "clip one" / name),
              std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()))
        << name;
  });
}

TEST_F(FrameExtractionFiles, GoesOnWhereItWasStoppedAndNamesFaults) {
  std::vector<fs::path> videos;
  for (const char* name : {"a.mp4", "b.mp4", "c.mp4"})
    videos.push_back(write_moving_video(folder.path() / name, 4, {}));
  videos.push_back(folder.write("broken.mp4", "no video"));
  videos.push_back(folder.path() / "nowhere.mp4");
  // What a run leaves that was killed in the middle of b, behind a.
  fs::create_directories(out / "a");
  fs::create_directories(out / ".sf-writing-b");
  std::ofstream(out / ".sf-writing-b/b_000009.jpg") << "half";
  int calls = 0;
  const auto results = extract_frames(videos, {.dir = out, .progress = [&] { ++calls; }});
  EXPECT_EQ(calls, 5);
  EXPECT_TRUE(results[0].was_there);
  for (size_t i : {1, 2}) {
    EXPECT_FALSE(results[i].was_there);
    EXPECT_EQ(results[i].pictures, 4);
    EXPECT_EQ(results[i].fault, "");
  }
  EXPECT_NE(results[3].fault.find("broken.mp4"), std::string::npos) << results[3].fault;
  EXPECT_NE(results[4].fault.find("nowhere.mp4"), std::string::npos) << results[4].fault;
  EXPECT_EQ(names(),
            (std::vector<std::string>{"a", "b", "b/b_000001.jpg", "b/b_000002.jpg",
                                      "b/b_000003.jpg", "b/b_000004.jpg", "c", "c/c_000001.jpg",
                                      "c/c_000002.jpg", "c/c_000003.jpg", "c/c_000004.jpg"}));
}

TEST_F(FrameExtractionFiles, MisuseIsNamed) {
  const auto fault = [&](const std::vector<fs::path>& videos, FrameExtraction o) {
    o.dir = out;
    return message_of<Error>([&] { extract_frames(videos, o); });
  };
  EXPECT_NE(fault({"x/a.mp4", "y/a.avi"}, {}).find("different names"), std::string::npos);
  EXPECT_NE(fault({"a.mp4"}, {.fps = 0}).find("rate"), std::string::npos);
  EXPECT_NE(fault({"a.mp4"}, {.start = -1}).find("start"), std::string::npos);
  EXPECT_NE(fault({"a.mp4"}, {.duration = 0}).find("duration"), std::string::npos);
  EXPECT_NE(fault({"a.mp4"}, {.quality = 101}).find("quality"), std::string::npos);
  EXPECT_NE(fault({"/"}, {}).find("name"), std::string::npos);
  EXPECT_FALSE(fs::exists(out));
  const auto late =
      extract_frames(std::vector<fs::path>{write_moving_video(folder.path() / "v.mp4", 4, {})},
                     {.dir = out, .start = 5});
  EXPECT_NE(late[0].fault.find("wanted frames from second 5 on"), std::string::npos);
  EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace sf
