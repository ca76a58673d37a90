// Kinetics-style data sets: text lists of video files and labels.
#pragma once

#include <filesystem>

#include "data/dataset.h"
#include "data/text_lines.h"

namespace sf {

struct KineticsOptions {
  std::filesystem::path list = {};  // the file of the split, such as FOLDER/test.csv
  std::string separator = " ";      // between path and label
  std::string path_prefix = {};     // joined before relative paths
  int64_t num_classes = 0;          // labels are held to [0, num_classes); 0: no limit
  Report report = {};               // takes what is wrong with rows, which are left out then
};

// One video a line: "path label", "path anything label" or "path" alone (label 0), no header; blank
// lines are skipped. A relative path is joined to path_prefix; without a prefix, if no such file is
// there, it is taken relative to the folder of the list. Videos that do not exist stay in the list
// with their fault. Throws with file and line for rows of another form.
class KineticsDataset final : public Dataset {
 public:
  explicit KineticsDataset(const KineticsOptions& options);
  int64_t size() const override { return int64_t(videos_.size()); }
  const VideoItem& video(int64_t index) const override;

 private:
  std::vector<VideoItem> videos_;
};

// FOLDER/SPLIT.csv of DATA.PATH_TO_DATA_DIR with DATA.PATH_LABEL_SEPARATOR, DATA.PATH_PREFIX and
// MODEL.NUM_CLASSES.
KineticsOptions kinetics_options(const Config& config, Split split);
std::unique_ptr<Dataset> make_kinetics(Split split, const Config& config);

}  // namespace sf
