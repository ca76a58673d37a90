// What a test found, as files and tables.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/metrics.h"

namespace sf {

// The class's number where it has no name.
std::string class_name(const std::vector<std::string>& names, int64_t label);

struct TestResults {
  struct Video {
    std::string path;
    int64_t label = 0;
    std::string fault;  // not empty: could not be read
  };
  std::vector<Video> videos;             // by number in the ensemble
  std::vector<std::string> class_names;  // may be empty
  const ViewEnsemble* ensemble = nullptr;
  Accuracy accuracy;

  std::string name_of(int64_t label) const { return class_name(class_names, label); }
};

// The `count` classes of the largest scores, or as many as there are, by falling score, equal ones
// by number.
std::vector<int64_t> best_classes(std::span<const float> scores, size_t count);

// Class names from a text file, one a line, or a JSON object {"name": label}; throws with the file
// for others.
std::vector<std::string> read_class_names(const std::filesystem::path& path, int64_t classes);

// One row a class that occurs: videos, top-1, top-5, and a last row for all.
std::string per_class_table(const TestResults& results);

// .json: videos with label, prediction, the five best classes and their share, then the table of
// classes. .csv: one row a video; the table of classes in a second file whose name ends in
// _classes.csv.
void write_predictions(const std::filesystem::path& path, const TestResults& results);

// [scores, labels] as two NumPy arrays, float32 V x C and int64 V, in a pickle; .safetensors by
// that ending.
void write_scores(const std::filesystem::path& path, const ViewEnsemble& ensemble);

}  // namespace sf
