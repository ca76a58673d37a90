// Looks for everything that is wrong with the files of a data set.
#pragma once

#include <cstdint>
#include <functional>

#include "data/ava.h"
#include "data/kinetics.h"

namespace sf {

struct DataCheck {
  int least_short_side = 0;            // smaller pictures are a fault
  double decode_timeout_seconds = 60;  // of a video file
  Report report = {};                  // takes each fault, one line that begins with a file
  // Takes how many more files were decoded, and of how many in all; or null.
  std::function<void(int64_t, int64_t)> progress = {};
};

struct DataCounts {
  int64_t files = 0;  // decoded to their end, or found faulty
  int64_t boxes = 0;  // rows that were read
};

// Decodes every frame of every video of the list. The report stands in the place of the options'
// own. Faults come in the order of the list, on the calling thread; files are read by all threads.
DataCounts check_kinetics(KineticsOptions options, const DataCheck& check);

// Decodes every frame of the frame lists, once where it stands in several, and reads every box.
// Faults are rows of another form or with seconds or labels out of range; boxes that do not lie
// within the picture or end before they begin; seconds beyond the last frame of their video; frames
// that are missing, damaged, small, or of another size than the first of their video.
DataCounts check_ava(AvaOptions options, const DataCheck& check);

}  // namespace sf
