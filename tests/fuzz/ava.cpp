// AVA's text files: boxes, label map, exclusions, and a data set whose boxes or frame list they
// are.
#include "data/ava.h"

#include <map>

#include "data/ava_evaluation.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

// A file of one video beside the input, which is the other half of a data set.
const MemoryFile& half(std::string_view text) {
  static std::map<std::string, MemoryFile> files;
  return files.try_emplace(std::string(text), std::as_bytes(std::span(text))).first->second;
}

void check(const AvaDataset& dataset) {
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const KeyFrame& k = *dataset.key_frame(i);
    if (k.frames->size() == 0 || k.boxes.empty()) throw std::logic_error("an empty key frame");
    for (const LabelledBox& b : k.boxes)
      for (const int64_t label : b.labels)
        if (label < 1 || label > 80) throw std::logic_error("a label out of range");
  }
}

}  // namespace
}  // namespace sf::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  attempt([&] {
    const AvaBoxes boxes = read_ava_boxes(file.path(), AvaFile::detections);
    const auto classes = classes_of(boxes);
    for (const AvaClassScore& c : evaluate_ava(boxes, boxes, classes, {}).classes)
      if (c.truths > 0 && !(c.average_precision >= 0 && c.average_precision <= 1))
        throw std::logic_error("a precision out of range");
  });
  attempt([&] { read_ava_boxes(file.path(), AvaFile::truth); });
  attempt([&] { read_ava_classes(file.path()); });
  attempt([&] { read_ava_exclusions(file.path()); });
  const auto& list = half("original_vido_id video_id frame_id path labels\nv_arm 0 0 a.jpg \"\"\n");
  attempt([&] { check(AvaDataset({.frame_lists = {list.path()}, .annotations = {file.path()}})); });
  attempt([&] { check(AvaDataset({.frame_lists = {list.path()}, .detections = {file.path()}})); });
  attempt([&] {
    check(AvaDataset(
        {.frame_lists = {file.path()}, .annotations = {half("v_arm,902,0,0,1,1,1,0\n").path()}}));
  });
  return 0;
}
