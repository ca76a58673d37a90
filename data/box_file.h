// Boxes of persons at some frames of a video, from files of outside origin.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/boxes.h"

namespace sf {

struct KeyBox {
  double frame = 0;                    // of the video, possibly between two
  BoxCorners box{};                    // shares of the picture's width and height
  std::optional<int64_t> person = {};  // the same number for the same person
  std::optional<double> score = {};    // of the detector, [0, 1]
};

struct BoxFileOptions {
  double fps = 30;             // of the video: seconds become frames by it
  std::string video = {};      // its name in files of many videos
  double starting_second = 0;  // what its first frame is called in AVA's files
};

// Three kinds of files, told apart by their first line (docs/demo.md has examples):
// - JSON, an object a line, with "second" or "frame", "box": [x1, y1, x2, y2] and, where known,
//   "person" and "score";
// - CSV with a first line that names its columns: second or frame, x1, y1, x2, y2, person, score;
// - AVA's CSV of predicted boxes, which has no such line: video,second,x1,y1,x2,y2,label,score.
// Rows
//   of other videos are skipped; a box that stands there once a label counts once.
// Sorted by frame, those of a frame in the order of the file. Coordinates lie in [0, 1], x1 < x2
// and y1 < y2. Throws sf::Error with file and line for anything else, and if there is no box.
std::vector<KeyBox> read_box_file(const std::filesystem::path& path, const BoxFileOptions& options);

}  // namespace sf
