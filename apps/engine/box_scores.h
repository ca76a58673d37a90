// What a network says of the boxes in one video.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/box_file.h"
#include "models/model.h"
#include "tensor/device.h"

namespace sf {

// The scores of each class for each box, in their order, in clips around the boxes' frames as tests
// of AVA's data sets make them; boxes of a frame come one behind the other. Frames are counted at
// `fps`, the video's. Empty for boxes whose clip could not be read, which the log tells.
std::vector<std::vector<float>> score_boxes(const Config& config, const Model& model,
                                            std::span<const Device> devices,
                                            const std::filesystem::path& video, double fps,
                                            std::span<const KeyBox> boxes);

// What is written at a box, best first, "walk 0.93": with DEMO.VIS_MODE thres the classes whose
// score is above DEMO.COMMON_CLASS_THRES, or DEMO.UNCOMMON_CLASS_THRES for those that
// DEMO.COMMON_CLASS_NAMES does not have; with top-k the best. At most `top`.
std::vector<std::string> box_labels(const Config& config, std::span<const float> scores,
                                    const std::vector<std::string>& class_names, size_t top);

}  // namespace sf
