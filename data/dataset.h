// Data sets: named lists of labelled videos, or of key frames of videos.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

class Config;
struct KeyFrame;

struct VideoItem {
  std::string path = {};
  int64_t line = 0;  // of the list; 0: several
  int64_t label = 0;
  std::string fault = {};  // why the video cannot be read, as far as the list shows it; empty if
                           // nothing is known against it
};

enum class Split { train, val, test };
std::string_view name_of(Split split);

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  // Throws if index is not in [0, size()).
  virtual const VideoItem& video(int64_t index) const = 0;
  // What lists of boxes say of an entry; null in data sets of whole videos.
  virtual const KeyFrame* key_frame(int64_t) const { return nullptr; }
  // What was read but may not be what its author meant, a line each.
  virtual std::vector<std::string> warnings() const { return {}; }
};

// The data set of that name (as in TRAIN.DATASET, in any case of letters) as the configuration
// describes it. Throws for unknown names, and for known ones that this build cannot read, with what
// is missing.
std::unique_ptr<Dataset> make_dataset(std::string_view name, Split split, const Config& config);

// The names that make_dataset can serve.
std::vector<std::string_view> dataset_names();

}  // namespace sf
