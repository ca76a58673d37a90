// Videos that were made to hurt: each ends in frames, in one line of error or, in a test of many,
// in a recorded skip, soon and within bounded memory.
#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "data/kinetics.h"
#include "data/test_loader.h"
#include "data/video_reader.h"
#include "golden.h"
#include "kernels/base/error.h"
#include "mp4_bytes.h"
#include "temporary_folder.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

constexpr int64_t kMiB = int64_t(1) << 20;

// `count` gray frames as the codec "raw " stores them.
std::string gray(const Mp4& v, int count) {
  return std::string(size_t(count) * v.width * v.height * 3, '\x80');
}

Mp4 playable() {
  Mp4 v{.codec = "raw ", .frames = 20, .frame_bytes = 64 * 64 * 3};
  v.data = gray(v, 20);
  return v;
}

// The header of a real AVI whose pictures claim to be of another size, without what follows it.
std::string avi_header_of(uint32_t width, uint32_t height) {
  std::string avi = file_content(golden_video("test.avi"));
  const auto put = [&](size_t at, uint32_t value) {
    for (int i = 0; i < 4; ++i) avi[at + size_t(i)] = char(value >> (8 * i));
  };
  for (const auto& [tag, offset] : {std::pair("avih", 40), std::pair("strf", 12)}) {
    const size_t at = avi.find(tag);
    put(at + size_t(offset), width);
    put(at + size_t(offset) + 4, height);
  }
  return avi.substr(0, avi.find("movi") + 4);
}

// A real AVI whose header says that no time passes between frames.
std::string avi_without_rate() {
  std::string avi = file_content(golden_video("test.avi"));
  avi.replace(avi.find("strh") + 28, 8, 8, '\0');  // scale and rate
  avi.replace(avi.find("avih") + 8, 4, 4, '\0');   // microseconds a frame
  return avi;
}

struct Hostile {
  std::string name;
  std::string wanted;  // part of what is said about the video
};

// Writes the files; their names end up in the list in this order.
std::vector<Hostile> write_hostile_videos(const TemporaryFolder& folder) {
  const std::string limit = "wanted pictures of 1 to 67108864 pixels, found ";
  const std::string mp4 = file_content(golden_video("six_fps.mp4"));
  std::vector<Hostile> all;
  const auto add = [&](const char* name, const std::string& content, const std::string& wanted) {
    folder.write(name, content);
    all.push_back({name, wanted});
  };
  add("empty.mp4", "", "found an empty file");
  add("text.mp4", "these are not the frames you are looking for\n", "no known container");
  add("truncated.mp4", mp4.substr(0, mp4.size() / 2), "wanted a video file, found");
  add("audio_only.avi", file_content(golden_video("audio_only.avi")),
      "wanted a video stream, found none");
  add("huge.mp4", mp4_bytes({.width = 16000, .height = 16000}), limit);
  add("huge_raw.mp4", mp4_bytes({.codec = "raw ", .width = 16000, .height = 16000}), limit);
  add("huge.avi", avi_header_of(16000, 16000), limit);
  add("no_frames.avi", avi_header_of(320, 240), "wanted frames, found none that decodes");
  add("large_without_data.mp4", mp4_bytes({.width = 8000, .height = 8000}),
      "wanted frames, found none that decodes");
  add("lies_about_frames.mp4", mp4_bytes({.codec = "raw ", .frames = 80000000, .frame_bytes = 1}),
      "wanted frames, found none that decodes");
  Mp4 timeless = playable();
  timeless.frame_ticks = 0;
  add("zero_fps.mp4", mp4_bytes(timeless), "wanted a positive frame rate, found 0");
  all.push_back({"absent.mp4", "no such file"});
  std::filesystem::create_directory(folder.path() / "directory.mp4");
  all.push_back({"directory.mp4", "found a folder"});
  EXPECT_EQ(::mkfifo((folder.path() / "pipe.mp4").c_str(), 0600), 0);
  all.push_back({"pipe.mp4", "no regular file"});
  return all;
}

TestLoaderOptions small(int workers) {
  return {.sampling = {.num_frames = 4, .sampling_rate = 2},
          .views = 2,
          .crops = 1,
          .short_side = 32,
          .crop_size = 32,
          .workers = workers,
          .decode_timeout_seconds = 30};
}

TEST(HostileVideos, AreRecordedSkipsBetweenVideosThatCount) {
  const HangGuard guard;
  const TemporaryFolder folder;
  const auto hostile = write_hostile_videos(folder);
  std::string rows;
  for (const Hostile& h : hostile) rows += h.name + " 1\n" + golden_video("test.avi") + " 2\n";
  const KineticsDataset dataset({.list = folder.write("test.csv", rows)});
  for (const int workers : {0, 2}) {
    TestLoader loader(dataset, small(workers));
    for (const Hostile& h : hostile) {
      const auto skip = loader.next();
      ASSERT_TRUE(skip);
      EXPECT_TRUE(skip->pathways.empty()) << h.name;
      EXPECT_EQ(skip->label, 1);
      EXPECT_TRUE(skip->fault.starts_with((folder.path() / h.name).string() + ": ")) << skip->fault;
      EXPECT_NE(skip->fault.find(h.wanted), std::string::npos)
          << h.name << ": " << skip->fault << ", wanted " << h.wanted;
      EXPECT_EQ(skip->fault.find('\n'), std::string::npos) << skip->fault;
      for (int view = 0; view < 2; ++view) {
        const auto clip = loader.next();
        ASSERT_TRUE(clip);
        EXPECT_EQ(clip->fault, "") << "behind " << h.name;
        EXPECT_EQ(clip->view, view);
      }
    }
    EXPECT_FALSE(loader.next());
  }
}

TEST(HostileVideos, AFrameRateOfZeroStillGivesFrames) {
  const TemporaryFolder folder;
  // The files that the hostile ones are made of are sound.
  VideoReader sound(folder.write("sound.mp4", mp4_bytes(playable())));
  EXPECT_EQ(sound.info().fps, 25);
  EXPECT_EQ(sound.frame_count(), 20);
  Mp4 timeless = playable();
  timeless.frame_ticks = 0;
  VideoReader mp4(folder.write("zero.mp4", mp4_bytes(timeless)));
  EXPECT_EQ(mp4.info().fps, 0);
  EXPECT_EQ(mp4.frame_count(), 20);
  VideoReader avi(folder.write("zero.avi", avi_without_rate()));
  EXPECT_GT(avi.info().fps, 0);  // FFmpeg puts a rate in the place of none
  EXPECT_EQ(avi.frame_count(), 164);
}

int64_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t(usage.ru_maxrss) * 1024;
}

// Ends the process, with status 0 if it has grown by less than `bytes`.
[[noreturn]] void read_within(int64_t bytes, const std::string& path) {
  const int64_t before = peak_bytes();
  try {
    VideoReader reader(path, {.timeout_seconds = 30});
    std::fprintf(stderr, "%ld frames, ", long(reader.frame_count()));
  } catch (const Error& e) { std::fprintf(stderr, "%s, ", e.what()); }
  std::fprintf(stderr, "%ld MiB more\n", long((peak_bytes() - before) / kMiB));
  std::_Exit(peak_bytes() - before < bytes ? 0 : 1);
}

// A picture of 16000x16000 has 732 MiB, and the index of 80 million frames, which the decoder wants
// before the first of them, 1.8 GiB. Blocks of at most 256 MiB are allowed: one of them, and as
// much again for what else grows.
TEST(HostileVideos, MemoryIsBoundedWhateverHeadersClaim) {
  testing::GTEST_FLAG(death_test_style) = "fast";
  const HangGuard guard;
  const TemporaryFolder folder;
  auto names = write_hostile_videos(folder);
  folder.write("largest_index.mp4",
               mp4_bytes({.codec = "raw ", .frames = 10000000, .frame_bytes = 1}));
  names.push_back({"largest_index.mp4", ""});
  for (const auto& [name, wanted] : names)
    EXPECT_EXIT(read_within(512 * kMiB, (folder.path() / name).string()),
                testing::ExitedWithCode(0), "MiB more")
        << name;
}

}  // namespace
}  // namespace sf
