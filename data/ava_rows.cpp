#include "data/ava_rows.h"

#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

// Labels are counted from 1 in arrays of their number.
constexpr int64_t kMostClasses = int64_t(1) << 20;

std::string quoted(std::string_view text) { return cat('"', printable(text), '"'); }

double real_field(const TextLine& line, std::string_view field, const char* what) {
  const auto value = real_number(trimmed(field));
  SF_CHECK(value, line, ": wanted a number as ", what, ", found ", quoted(field));
  return *value;
}

int64_t second_field(const TextLine& line, std::string_view field) {
  const auto value = whole_number(trimmed(field));
  SF_CHECK(value && *value >= 0, line, ": wanted a whole number of seconds, found ", quoted(field));
  return *value;
}

std::string_view video_field(const TextLine& line, std::string_view field) {
  SF_CHECK(!field.empty(), line, ": wanted the name of a video, found none");
  return field;
}

}  // namespace

AvaRow parse_ava_row(const TextLine& line, bool with_score) {
  const auto fields = split_fields(trimmed(line.text), ",");
  SF_CHECK(fields.size() == 8 || (fields.size() == 7 && !with_score), line,
           ": wanted video,second,left,top,right,bottom,label", with_score ? ",score" : "",
           ", found ", fields.size(), " fields");
  constexpr const char* kSides[] = {"left", "top", "right", "bottom"};
  AvaRow row{.video = video_field(line, fields[0]), .second = second_field(line, fields[1])};
  row.box_text = {fields[2].data(), size_t(fields[5].data() + fields[5].size() - fields[2].data())};
  for (size_t i = 0; i < 4; ++i) row.box[i] = real_field(line, fields[2 + i], kSides[i]);
  if (!fields[6].empty()) {
    row.label = whole_number(trimmed(fields[6]));
    SF_CHECK(row.label, line, ": wanted a whole number as label, found ", quoted(fields[6]));
  }
  if (with_score) row.score = real_field(line, fields[7], "score");
  return row;
}

void for_each_frame(const std::filesystem::path& list,
                    const std::function<void(const TextLine&, const FrameRow&)>& f,
                    const Report& report) {
  bool header = true;
  const auto read = [&](const TextLine& line) {
    if (std::exchange(header, false)) {
      SF_CHECK(
          line.text.starts_with("original_vido_id") || line.text.starts_with("original_video_id"),
          line, ": wanted the header original_vido_id video_id frame_id path labels, found ",
          quoted(line.text));
      return;
    }
    const auto words = split_words(line.text);
    SF_CHECK(words.size() == 5, line, ": wanted 5 words, found ", words.size());
    f(line, {.video = words[0], .path = words[3]});
  };
  for_each_line(list, "a frame list", read, report);
}

std::vector<AvaClass> read_ava_classes(const std::filesystem::path& file) {
  std::vector<AvaClass> classes;
  std::set<int64_t> ids;
  std::string name;
  for_each_line(file, "a label map", [&](const TextLine& line) {
    const std::string_view text = trimmed(line.text);
    const auto value = [&] { return trimmed(text.substr(text.find(':') + 1)); };
    if (text.starts_with("name:")) {
      const std::string_view found = value();
      SF_CHECK(found.size() >= 2 && found.front() == '"' && found.back() == '"', line,
               ": wanted name: \"...\", found ", quoted(text));
      name = found.substr(1, found.size() - 2);
    } else if (text.starts_with("id:") || text.starts_with("label_id:")) {
      const auto id = whole_number(value());
      SF_CHECK(id && *id >= 1 && *id <= kMostClasses, line, ": wanted an id in [1, ", kMostClasses,
               "], found ", quoted(text));
      SF_CHECK(ids.insert(*id).second, line, ": wanted each id once, found ", *id, " again");
      SF_CHECK(!name.empty(), line, ": wanted a name before the id ", *id, ", found none");
      classes.push_back({.id = *id, .name = std::exchange(name, {})});
    }
  });
  SF_CHECK(!classes.empty(), file.string(), ": wanted at least one class, found none");
  return classes;
}

std::set<VideoSecond> read_ava_exclusions(const std::filesystem::path& file) {
  std::set<VideoSecond> excluded;
  for_each_line(file, "a list of excluded key frames", [&](const TextLine& line) {
    const auto fields = split_fields(trimmed(line.text), ",");
    SF_CHECK(fields.size() == 2, line, ": wanted video,second, found ", fields.size(), " fields");
    excluded.emplace(video_field(line, fields[0]), second_field(line, fields[1]));
  });
  return excluded;
}

}  // namespace sf
