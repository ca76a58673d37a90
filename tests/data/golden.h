// The original's numbers for the five videos of tests/golden/videos.
#pragma once

#include <filesystem>
#include <string>

#include "tensor/safetensors.h"

namespace sf {

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(SF_SOURCE_DIR) / "tests/golden";
}

inline const std::vector<std::string>& golden_videos() {
  static const std::vector<std::string> names = {"arm_wrestling.mp4", "short_32_frames.mp4",
                                                 "six_fps.mp4", "test.avi", "test.mp4"};
  return names;
}

inline std::string golden_video(const std::string& name) {
  return (golden_folder() / "videos" / name).string();
}

inline const Safetensors& golden_kinetics() {
  static const Safetensors data =
      read_safetensors(golden_folder() / "data/kinetics_test.safetensors");
  return data;
}

}  // namespace sf
