// What a network says of the clips of one video, one after the other.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "configs/config.h"
#include "models/model.h"
#include "tensor/device.h"

namespace sf {

struct ClipScores {
  double start = 0;           // its first frame
  double end = 0;             // behind its last one
  std::vector<float> scores;  // of each class
};

// Clips of DATA.NUM_FRAMES x DATA.SAMPLING_RATE frames as sliding_windows() places them, each
// DEMO.BUFFER_SIZE frames before the end of the former. As in a test, each is seen in
// TEST.NUM_SPATIAL_CROPS crops, whose scores are averaged or, by DATA.ENSEMBLE_METHOD, of which the
// largest counts. As many run together as TEST.BATCH_SIZE and the memory allow.
std::vector<ClipScores> score_clips(const Config& config, const Model& model,
                                    std::span<const Device> devices,
                                    const std::filesystem::path& video);

}  // namespace sf
