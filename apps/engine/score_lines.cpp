#include "apps/engine/score_lines.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "apps/engine/results.h"

namespace sf {
namespace {

using nlohmann::ordered_json;

double six_decimals(double value) { return std::round(value * 1e6) / 1e6; }

ordered_json classes_of(std::span<const float> scores, const std::vector<std::string>& class_names,
                        size_t top, int64_t first) {
  ordered_json classes = ordered_json::array();
  for (int64_t label : best_classes(scores, top))
    classes.push_back({{"class", label + first},
                       {"name", class_name(class_names, label)},
                       {"score", six_decimals(scores[size_t(label)])}});
  return classes;
}

std::string text(const ordered_json& line) {
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string clip_lines(std::span<const ClipScores> clips, double fps,
                       const std::vector<std::string>& class_names, size_t top) {
  std::string lines;
  for (size_t i = 0; i < clips.size(); ++i)
    lines += text({{"clip", i},
                   {"start", six_decimals(clips[i].start / fps)},
                   {"end", six_decimals(clips[i].end / fps)},
                   {"classes", classes_of(clips[i].scores, class_names, top, 0)}});
  return lines;
}

std::string box_lines(std::span<const KeyBox> boxes, std::span<const std::vector<float>> scores,
                      double fps, const std::vector<std::string>& class_names, size_t top) {
  std::string lines;
  for (size_t i = 0; i < boxes.size(); ++i) {
    ordered_json line{{"second", six_decimals(boxes[i].frame / fps)}, {"box", boxes[i].box}};
    if (boxes[i].person) line["person"] = *boxes[i].person;
    if (boxes[i].score) line["score"] = six_decimals(*boxes[i].score);
    line["classes"] = classes_of(scores[i], class_names, top, 1);
    lines += text(line);
  }
  return lines;
}

}  // namespace sf
