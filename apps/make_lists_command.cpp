#include <memory>

#include <fmt/format.h>

#include "apps/commands.h"
#include "data/make_lists.h"
#include "data/text_lines.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

struct ListArguments {
  fs::path videos, annotations, classes, frames, names, out;
  ListOptions options;
};

// What was looked for in vain, to stderr.
void print_missing(const std::vector<std::string>& missing) {
  for (const std::string& name : missing) fmt::print(stderr, "not there: {}\n", name);
}

void list_videos(ListArguments& a) {
  if (!a.classes.empty())
    for_each_line(a.classes, "a list of class names",
                  [&](const TextLine& line) { a.options.classes.emplace_back(line.text); });
  AnnotatedVideos found;
  if (a.annotations.empty()) {
    found.videos = videos_of_folders(a.videos);
  } else {
    found = videos_of_annotations(a.annotations, a.videos);
  }
  a.options.dir = a.out;
  const ListCounts counts = write_video_lists(found.videos, a.options);
  print_missing(found.missing);
  fmt::print("{}: {} videos to train, {} to validate, {} to test; MODEL.NUM_CLASSES {}\n",
             a.out.string(), counts.videos[0], counts.videos[1], counts.videos[2], counts.classes);
  if (!found.missing.empty())
    fmt::print("{} annotated videos are not there and not in the lists\n", found.missing.size());
}

void list_frames(const ListArguments& a) {
  const FrameListCounts counts = write_frame_list(a.frames, a.names, a.out);
  print_missing(counts.missing);
  fmt::print("{}: {} frames of {} videos\n", a.out.string(), counts.frames, counts.videos);
  if (!counts.missing.empty())
    fmt::print("{} named videos have no frames and are not in the list\n", counts.missing.size());
}

}  // namespace

void add_make_lists_command(CLI::App& app) {
  auto arguments = std::make_shared<ListArguments>();
  ListOptions& o = arguments->options;
  CLI::App* command = app.add_subcommand("make-lists", "the lists that a data set is read by");
  auto* videos = command->add_option("--videos", arguments->videos, "folder of videos, by class");
  auto* frames = command->add_option("--frames", arguments->frames,
                                     "folder of folders of JPEG pictures, for AVA's frame list");
  command->add_option("--out", arguments->out, "folder of the lists; with --frames, the list")
      ->required();
  command
      ->add_option("--annotations", arguments->annotations,
                   "CSV with label, and path or youtube_id, time_start, time_end; maybe split")
      ->needs(videos);
  command->add_option("--classes", arguments->classes, "class names by label, one a line")
      ->needs(videos);
  command->add_option("--val", o.val, "share of each class to validate; default 0.1")
      ->needs(videos);
  command->add_option("--test", o.test, "share of each class to test; default 0.1")->needs(videos);
  command->add_option("--seed", o.seed, "another seed, another split")->needs(videos);
  command->add_option("--separator", o.separator, "between path and label; default a blank")
      ->needs(videos);
  command->add_option("--names", arguments->names, "the first field of each line names a video")
      ->needs(frames);
  videos->excludes(frames);
  command->callback([arguments] {
    if (!arguments->videos.empty()) return list_videos(*arguments);
    SF_CHECK(!arguments->frames.empty(), "sf make-lists: wanted --videos or --frames, found none");
    list_frames(*arguments);
  });
}

}  // namespace sf
