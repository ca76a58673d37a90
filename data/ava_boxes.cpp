#include <fmt/format.h>

#include "data/ava_evaluation.h"
#include "kernels/base/error.h"
#include "tensor/atomic_file.h"
#include "tensor/mapped_file.h"

namespace sf {

AvaBoxes::Frame& AvaBoxes::frame(const VideoSecond& key) {
  const auto [at, added] = places_.emplace(key, frames_.size());
  if (added) frames_.push_back({.key = key, .boxes = {}});
  return frames_[at->second];
}

void AvaBoxes::add(const VideoSecond& key, const AvaBox& box) { frame(key).boxes.push_back(box); }

void AvaBoxes::add(const VideoSecond& key, const BoxCorners& box, std::span<const float> scores,
                   std::span<const AvaClass> classes) {
  std::vector<AvaBox>& boxes = frame(key).boxes;
  for (const AvaClass& c : classes) {
    SF_CHECK(c.id >= 1 && c.id <= int64_t(scores.size()), "detections: wanted a score of class ",
             c.id, " (", c.name, "), found ", scores.size(), " scores");
    boxes.push_back({.box = box, .label = c.id, .score = scores[size_t(c.id - 1)]});
  }
}

AvaBoxes read_ava_boxes(const std::filesystem::path& file, AvaFile kind, int64_t every) {
  AvaBoxes boxes;
  for_each_line(file, "a file of boxes", [&](const TextLine& line) {
    const AvaRow row = parse_ava_row(line, kind == AvaFile::detections);
    SF_CHECK(row.label && *row.label >= 1, line, ": wanted a label from 1 on, found ",
             row.label ? std::to_string(*row.label) : "none");
    SF_CHECK(kind == AvaFile::detections || (row.box[0] <= row.box[2] && row.box[1] <= row.box[3]),
             line, ": wanted left,top,right,bottom of a box, found ", printable(row.box_text));
    if (row.second % every != 0) return;
    boxes.add({std::string(row.video), row.second},
              {.box = row.box, .label = *row.label, .score = row.score.value_or(1)});
  });
  return boxes;
}

void write_ava_boxes(const std::filesystem::path& file, const AvaBoxes& boxes) {
  AtomicFile out(file);
  for (const auto& [key, of_frame] : boxes.frames()) {
    std::string rows;
    for (const AvaBox& b : of_frame)
      fmt::format_to(std::back_inserter(rows), "{},{:04},{:.3f},{:.3f},{:.3f},{:.3f},{},{:.4f}\n",
                     key.first, key.second, b.box[0], b.box[1], b.box[2], b.box[3], b.label,
                     b.score);
    out.write(rows);
  }
  out.commit();
}

}  // namespace sf
