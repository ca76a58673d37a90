// A data set of real video files that can be made anywhere: moving shapes, eight classes (see
// synth_scene.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

namespace sf {

struct SynthOptions {
  std::filesystem::path dir;  // made if it does not exist
  int64_t videos = 400;
  uint64_t seed = 0;
  // Called after each video with how many are done, by one thread at a time.
  std::function<void(int64_t)> progress = {};
};

struct SynthCounts {
  int64_t train = 0;
  int64_t val = 0;
  int64_t test = 0;
};

// Writes dir/videos/NUMBER.mp4 and then train.csv, val.csv, test.csv (70, 15 and 15 percent, the
// classes in turn) and classes.txt (a name a line, in the order of the labels). The lists name the
// videos relative to the folder, so DATA.PATH_TO_DATA_DIR alone finds them, also after the folder
// has moved. A video depends on seed, number and label alone. Files of these names are replaced,
// each as a whole. Throws sf::Error if there are fewer than 3 videos or a file cannot be written.
//
// Mirrored, left is right and clockwise is counter-clockwise: train with DATA.RANDOM_FLIP False.
SynthCounts synthesize(const SynthOptions& options);

}  // namespace sf
