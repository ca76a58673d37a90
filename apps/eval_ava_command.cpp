#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "apps/commands.h"
#include "data/ava_evaluation.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

struct Files {
  std::string detections, truth, labels, exclusions;
};

void print(const AvaScore& score) {
  size_t width = 5;
  int64_t counted = 0;
  for (const AvaClassScore& c : score.classes) {
    width = std::max(width, printable(c.label.name).size());
    counted += c.truths > 0;
  }
  fmt::print("{:>4} {:<{}} {:>8} {:>11} {:>7}\n", "id", "class", width, "boxes", "detections",
             "AP");
  for (const AvaClassScore& c : score.classes)
    fmt::print("{:>4} {:<{}} {:>8} {:>11} {:>7}\n", c.label.id, printable(c.label.name), width,
               c.truths, c.detections,
               c.truths > 0 ? fmt::format("{:.4f}", c.average_precision) : "-");
  fmt::print("{} key frames with annotated boxes, {} with detections\n", score.truth_frames,
             score.detection_frames);
  fmt::print("mAP at an IoU of 0.5, of {} classes with annotated boxes: {}\n", counted,
             counted > 0 ? fmt::format("{:.6f}", score.mean) : "-");
}

void evaluate(const Files& files) {
  const AvaBoxes truth = read_ava_boxes(files.truth, AvaFile::truth);
  const AvaBoxes detections = read_ava_boxes(files.detections, AvaFile::detections);
  const auto classes = files.labels.empty() ? classes_of(truth) : read_ava_classes(files.labels);
  const auto excluded =
      files.exclusions.empty() ? std::set<VideoSecond>() : read_ava_exclusions(files.exclusions);
  print(evaluate_ava(truth, detections, classes, excluded));
}

}  // namespace

void add_eval_ava_command(CLI::App& app) {
  auto files = std::make_shared<Files>();
  CLI::App* command = app.add_subcommand(
      "eval-ava", "AVA's mean average precision of detections that were made anywhere");
  command
      ->add_option("DETECTIONS", files->detections,
                   "rows video,second,left,top,right,bottom,label,score")
      ->required();
  command->add_option("GROUNDTRUTH", files->truth, "rows of annotated boxes, without scores")
      ->required();
  command->add_option("--labels", files->labels,
                      "label map (.pbtxt) of the classes that count; without it, all annotated");
  command->add_option("--exclusions", files->exclusions,
                      "rows video,second of key frames that do not count");
  command->callback([files] { evaluate(*files); });
}

}  // namespace sf
