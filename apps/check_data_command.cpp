#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "apps/commands.h"
#include "apps/engine/progress.h"
#include "data/ava_evaluation.h"
#include "data/check_data.h"
#include "data/test_loader.h"
#include "data/train_loader.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

// Tells faults, each once: lists share files.
class Checker {
 public:
  explicit Checker(const Config& config) : config_(config) {}

  void check(const std::string& dataset, Split split) {
    std::string name = dataset;
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name == "kinetics") {
      add(check_kinetics(kinetics_options(config_, split), options(kinetics_short_side(split))));
    } else if (name == "ava") {
      const auto side = key_frame_loader_options(config_, split).jitter.min_short_side;
      add(check_ava(ava_options(config_, split), options(side)));
      if (split != Split::train) check_evaluation();
    } else {
      make_dataset(dataset, split, config_);  // says what is missing
    }
  }

  int64_t faults() const { return int64_t(faults_.size()); }
  const DataCounts& counts() const { return counts_; }

 private:
  DataCheck options(int least_short_side) {
    return {.least_short_side = least_short_side,
            .decode_timeout_seconds = config_.get<double>("SF.DECODE_TIMEOUT"),
            .report = [this](const std::string& fault) { report(fault); },
            .progress = [this](int64_t files, int64_t total) { advance(files, total); }};
  }

  int kinetics_short_side(Split split) const {
    if (split == Split::test) return test_loader_options(config_).crop_size;
    const TrainLoaderOptions o = train_loader_options(config_, split);
    return o.jitter.relative ? o.batches.back().crop : o.jitter.min_short_side;
  }

  void check_evaluation() {
    const std::filesystem::path folder = config_.get<std::string>("AVA.ANNOTATION_DIR");
    const auto file = [&](const char* key) { return folder / config_.get<std::string>(key); };
    const auto reporting = [&](const auto& read) {
      try {
        read();
      } catch (const Error& e) { report(e.what()); }
    };
    reporting([&] { read_ava_boxes(file("AVA.GROUNDTRUTH_FILE"), AvaFile::truth); });
    reporting([&] { read_ava_exclusions(file("AVA.EXCLUSION_FILE")); });
    reporting([&] {
      const auto path = file("AVA.LABEL_MAP_FILE");
      const auto classes = config_.get<int64_t>("MODEL.NUM_CLASSES");
      for (const AvaClass& c : read_ava_classes(path))
        SF_CHECK(c.id <= classes, path.string(), ": wanted ids up to MODEL.NUM_CLASSES ", classes,
                 ", found ", c.id);
    });
  }

  void report(const std::string& fault) {
    if (!faults_.insert(fault).second) return;
    if (progress_) progress_->clear();
    fmt::print("{}\n", fault);
  }
  void advance(int64_t files, int64_t total) {
    if (!progress_) progress_.emplace("Reading", "files", total);
    progress_->advance(files);
  }
  void add(const DataCounts& counts) {
    progress_.reset();
    counts_.files += counts.files;
    counts_.boxes += counts.boxes;
  }

  const Config& config_;
  std::optional<ProgressBar> progress_;  // of the list that is read
  std::set<std::string> faults_;
  DataCounts counts_;
};

void check_data(const Config& config) {
  const bool trains = config.get<bool>("TRAIN.ENABLE"), tests = config.get<bool>("TEST.ENABLE");
  const auto train_set = config.get<std::string>("TRAIN.DATASET");
  const auto test_set = config.get<std::string>("TEST.DATASET");
  Checker checker(config);
  if (trains || !tests) {
    checker.check(train_set, Split::train);
    checker.check(train_set, Split::val);
  }
  if (tests || !trains) checker.check(test_set, Split::test);
  fmt::print("{} files decoded, {} boxes read: {} faults\n", checker.counts().files,
             checker.counts().boxes, checker.faults());
  std::fflush(stdout);
  SF_CHECK(checker.faults() == 0, "check-data: wanted a data set without faults, found ",
           checker.faults());
}

}  // namespace

void add_check_data_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("check-data", "look for faults in lists, boxes, pictures and videos");
  auto arguments = std::make_shared<ConfigArguments>();
  arguments->add_to(*command);
  command->callback([arguments] { check_data(arguments->load_one()); });
}

}  // namespace sf
