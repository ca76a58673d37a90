// The data set of tests/golden/ava.
#pragma once

#include "configs/config.h"
#include "golden.h"

namespace sf {

inline std::filesystem::path golden_ava() { return golden_folder() / "ava"; }

inline void set_golden_ava(Config& config) {
  const auto set = [&](const char* key, const std::string& value) { config.set(key, value); };
  set("AVA.FRAME_DIR", (golden_ava() / "frames").string());
  set("AVA.FRAME_LIST_DIR", golden_ava().string());
  set("AVA.ANNOTATION_DIR", golden_ava().string());
  set("AVA.TRAIN_LISTS", "['frame_list.csv']");
  set("AVA.TEST_LISTS", "['frame_list.csv']");
  set("AVA.TRAIN_GT_BOX_LISTS", "[]");
  set("AVA.TRAIN_PREDICT_BOX_LISTS", "['ava_val_detected.csv']");
  set("AVA.TEST_PREDICT_BOX_LISTS", "['ava_val_detected.csv']");
  set("AVA.DETECTION_SCORE_THRESH", "0.8");
}

// Tests of the original's narrow network: 16 frames at rate 2, short side 64.
inline Config golden_ava_config() {
  Config config;
  const auto set = [&](const char* key, const std::string& value) { config.set(key, value); };
  set("MODEL.ARCH", "slowfast");
  set("SLOWFAST.ALPHA", "4");
  set("DATA.NUM_FRAMES", "16");
  set("DATA.SAMPLING_RATE", "2");
  set("DATA.TRAIN_CROP_SIZE", "64");
  set("DATA.TEST_CROP_SIZE", "64");
  set("DATA.TRAIN_JITTER_SCALES", "[64, 80]");
  set("MODEL.NUM_CLASSES", "80");
  set("TRAIN.DATASET", "ava");
  set("TEST.DATASET", "ava");
  set("TRAIN.BATCH_SIZE", "4");
  set_golden_ava(config);
  return config;
}

}  // namespace sf
