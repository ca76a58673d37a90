#include "data/dataset.h"

#include <algorithm>
#include <cctype>

#include "data/ava.h"
#include "data/kinetics.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

// A data set is added by a row here and a source of its own.
struct Entry {
  std::string_view name;
  std::unique_ptr<Dataset> (*make)(Split, const Config&);  // null: known, but not served
  std::string_view missing;
};

constexpr Entry kDatasets[] = {
    {"kinetics", make_kinetics, ""},
    {"ava", make_ava, ""},
    {"charades", nullptr, "the reader of Charades' frame lists"},
    {"ssv2", nullptr, "the reader of Something-Something's JSON lists"},
    {"imagenet", nullptr, "the reader of image folders"},
    {"ptvkinetics", nullptr, "the loaders of PyTorchVideo; use kinetics for the same lists"},
    {"ptvcharades", nullptr, "the loaders of PyTorchVideo"},
    {"ptvssv2", nullptr, "the loaders of PyTorchVideo"},
};

}  // namespace

std::string_view name_of(Split split) {
  switch (split) {
    case Split::train: return "train";
    case Split::val: return "val";
    case Split::test: return "test";
  }
  return "";
}

std::vector<std::string_view> dataset_names() {
  std::vector<std::string_view> names;
  for (const Entry& e : kDatasets) {
    if (e.make != nullptr) names.push_back(e.name);
  }
  return names;
}

std::unique_ptr<Dataset> make_dataset(std::string_view name, Split split, const Config& config) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  for (const Entry& e : kDatasets) {
    if (e.name != lower) continue;
    SF_CHECK(e.make != nullptr, "data set ", name, ": not in this version: it lacks ", e.missing);
    return e.make(split, config);
  }
  std::string known;
  for (std::string_view n : dataset_names()) known += (known.empty() ? "" : ", ") + std::string(n);
  throw Error(cat("data set: wanted one of ", known, ", found ", name));
}

}  // namespace sf
