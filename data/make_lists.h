// Lists of data sets from folders and annotations.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace sf {

// Names that end as video files do: .mp4, .mkv, .webm and so on, in any case of letters.
bool is_video_name(const std::filesystem::path& path);

struct LabelledVideo {
  std::filesystem::path path;
  std::string class_name;
  std::optional<Split> split = {};  // where an annotation says it
};

// The videos of DIR/CLASS/VIDEO, also deeper, sorted by path. Hidden folders and files do not
// count. Throws if there is none.
std::vector<LabelledVideo> videos_of_folders(const std::filesystem::path& dir);

struct AnnotatedVideos {
  std::vector<LabelledVideo> videos;
  std::vector<std::string> missing;  // what is annotated and not there
};

// The videos of a CSV file whose first line names the columns: label, and path (relative to `dir`)
// or youtube_id with time_start and time_end (a file ID_000012_000022.mp4, or ID.mp4, anywhere in
// `dir`), and maybe split (train, val, validate, validation or test); others do not count. Fields
// may be quoted. Throws with file and line for other rows.
AnnotatedVideos videos_of_annotations(const std::filesystem::path& csv,
                                      const std::filesystem::path& dir);

struct ListOptions {
  std::filesystem::path dir = {};         // of the lists
  double val = 0.1, test = 0.1;           // shares of each class, for videos without a split
  uint64_t seed = 0;                      // another seed, another split
  std::string separator = " ";            // between path and label
  std::vector<std::string> classes = {};  // by label; empty: all that occur, sorted
};

struct ListCounts {
  std::array<int64_t, 3> videos{};  // by Split
  int64_t classes = 0;
};

// Writes train.csv, val.csv and test.csv (those that have videos) for KineticsDataset, with paths
// relative to the folder of the lists, and classes.txt with a name a line. The split of a video
// depends on the seed and the paths of its class, not on the order of `videos`. Throws for a class
// that is not among options.classes and a path that holds the separator.
ListCounts write_video_lists(const std::vector<LabelledVideo>& videos, const ListOptions& options);

struct FrameListCounts {
  int64_t videos = 0, frames = 0;
  std::vector<std::string> missing;  // named, and without a folder of frames
};

// Writes a list of the pictures DIR/NAME/*.jpg as AVA's are: a first line, then `NAME VIDEO FRAME
// NAME/PICTURE ""` with numbers from 0. The folders sorted by name; with a file of `names` those
// that it names, in its order: the first field of each line, with or without the ending of a video,
// so that AVA's annotations and lists of file names will do.
FrameListCounts write_frame_list(const std::filesystem::path& dir,
                                 const std::filesystem::path& names,
                                 const std::filesystem::path& list);

}  // namespace sf
