#include <memory>

#include <fmt/format.h>

#include "apps/commands.h"
#include "apps/engine/progress.h"
#include "data/frame_extraction.h"
#include "data/make_lists.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

struct ExtractArguments {
  std::vector<fs::path> inputs;
  FrameExtraction options;
  double duration = 0;
};

// A folder stands for the videos in it.
std::vector<fs::path> videos_of(const std::vector<fs::path>& inputs) {
  std::vector<fs::path> videos;
  for (const fs::path& input : inputs) {
    if (!fs::is_directory(input)) {
      videos.push_back(input);
      continue;
    }
    const size_t before = videos.size();
    for (const auto& entry : fs::directory_iterator(input))
      if (entry.is_regular_file() && is_video_name(entry.path())) videos.push_back(entry.path());
    SF_CHECK(videos.size() > before, input.string(), ": wanted videos, found none");
    std::sort(videos.begin() + ptrdiff_t(before), videos.end());
  }
  return videos;
}

void extract(ExtractArguments a) {
  const auto videos = videos_of(a.inputs);
  ProgressBar progress("Extracting", "videos", int64_t(videos.size()));
  if (a.duration > 0) a.options.duration = a.duration;
  a.options.progress = [&] { progress.advance(1); };
  const auto results = extract_frames(videos, a.options);
  progress.clear();
  int64_t pictures = 0, done = 0, were_there = 0;
  for (const ExtractedVideo& result : results) {
    pictures += result.pictures;
    done += result.pictures > 0;
    were_there += result.was_there;
    if (!result.fault.empty()) fmt::print(stderr, "{}\n", result.fault);
  }
  fmt::print("{} pictures of {} videos are in {}; {} more were there before\n", pictures, done,
             a.options.dir.string(), were_there);
  const int64_t faults = int64_t(videos.size()) - done - were_there;
  SF_CHECK(faults == 0, faults, " of ", videos.size(), " videos gave no pictures");
}

}  // namespace

void add_extract_frames_command(CLI::App& app) {
  auto arguments = std::make_shared<ExtractArguments>();
  FrameExtraction& o = arguments->options;
  CLI::App* command =
      app.add_subcommand("extract-frames", "videos as folders of JPEG pictures, as AVA wants them");
  command->add_option("VIDEO", arguments->inputs, "videos, or folders of videos")->required();
  command->add_option("--out", o.dir, "gets NAME/NAME_000001.jpg and so on")->required();
  command->add_option("--fps", o.fps, "pictures a second; default 30");
  command->add_option("--start", o.start, "second of the video to begin with");
  command->add_option("--duration", arguments->duration, "seconds; default: to the end")
      ->check(CLI::PositiveNumber);
  command->add_option("--quality", o.quality, "of JPEG, 1 to 100; default 95");
  command->callback([arguments] { extract(*arguments); });
}

}  // namespace sf
