// A video with what a network says of it.
#pragma once

#include <cstdint>
#include <filesystem>

#include "configs/config.h"

namespace sf {

struct DemoOptions {
  std::filesystem::path input;
  std::filesystem::path output;      // its ending tells the container
  std::filesystem::path boxes = {};  // a file of boxes to draw; may be empty
  int64_t top = 5;                   // classes of a clip that are shown and listed
};

// The options of DEMO's keys. Throws for what the demo does not do.
DemoOptions demo_options(const Config& config);

// Writes the video again with the best classes of each clip on all its frames and, under the same
// name with the ending .jsonl, clip_lines(); of a network that detects, box_labels() at its boxes
// and box_lines(). Classes have the names of SF.CLASS_NAMES_PATH or DEMO.LABEL_FILE_PATH, which may
// be a label map of AVA (.pbtxt); weights are those of a test. Prints what it wrote.
void demo(const Config& config, const DemoOptions& options);

}  // namespace sf
