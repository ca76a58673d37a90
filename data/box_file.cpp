#include "data/box_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>

#include <nlohmann/json.hpp>

#include "data/ava_rows.h"
#include "data/text_lines.h"
#include "kernels/base/error.h"
#include "tensor/bounded_json.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

constexpr std::array<std::string_view, 4> kCorners{"x1", "y1", "x2", "y2"};
constexpr double kMostFrames = 1e9;

// Frames from what a row says.
struct Times {
  double fps, starting_second;

  double frame_of(const TextLine& line, double value, bool seconds, double first = 0) const {
    const double frame = seconds ? (value - first) * fps : value;
    SF_CHECK(frame >= 0 && frame <= kMostFrames, line, ": wanted a ", seconds ? "second" : "frame",
             " of the video", first > 0 ? cat(", which begins with ", first) : "", ", found ",
             value);
    return frame;
  }
};

KeyBox checked(const TextLine& line, const KeyBox& b) {
  for (size_t i = 0; i < 4; ++i)
    SF_CHECK(b.box[i] >= 0 && b.box[i] <= 1, line, ": wanted ", kCorners[i], " in [0, 1], found ",
             b.box[i]);
  SF_CHECK(b.box[0] < b.box[2] && b.box[1] < b.box[3], line, ": wanted x1 < x2 and y1 < y2, found ",
           b.box[0], ", ", b.box[1], ", ", b.box[2], ", ", b.box[3]);
  SF_CHECK(!b.score || (*b.score >= 0 && *b.score <= 1), line, ": wanted a score in [0, 1], found ",
           b.score.value_or(0));
  return b;
}

KeyBox json_box(const TextLine& line, const Times& times) {
  const nlohmann::json row = parse_bounded_json(line.text, cat(line));
  SF_CHECK(row.is_object(), line, ": wanted a JSON object, found ", row.type_name());
  const bool seconds = row.contains("second");
  SF_CHECK(seconds != row.contains("frame"), line,
           ": wanted either \"second\" or \"frame\", found ", seconds ? "both" : "neither");
  const auto number = [&](const nlohmann::json& value, std::string_view what) {
    SF_CHECK(value.is_number() && std::isfinite(value.get<double>()), line, ": wanted a number as ",
             what, ", found ", value.type_name());
    return value.get<double>();
  };
  KeyBox b;
  const char* unit = seconds ? "second" : "frame";
  b.frame = times.frame_of(line, number(row[unit], unit), seconds);
  SF_CHECK(row.contains("box") && row["box"].is_array() && row["box"].size() == 4, line,
           ": wanted \"box\": [x1, y1, x2, y2], found ",
           row.contains("box") ? "something else" : "none");
  for (size_t i = 0; i < 4; ++i) b.box[i] = number(row["box"][i], kCorners[i]);
  if (row.contains("person")) {
    SF_CHECK(row["person"].is_number_integer(), line, ": wanted a whole number as person, found ",
             row["person"].type_name());
    b.person = row["person"].get<int64_t>();
  }
  if (row.contains("score")) b.score = number(row["score"], "score");
  return checked(line, b);
}

// The columns of a CSV file by its first line.
class Columns {
 public:
  explicit Columns(const TextLine& line) {
    for (std::string_view name : split_fields(line.text, ",")) names_.emplace_back(trimmed(name));
    for (const std::string& name : names_) {
      const bool known = name == "second" || name == "frame" || name == "person" ||
                         name == "score" || std::ranges::count(kCorners, name) > 0;
      SF_CHECK(known, line,
               ": wanted columns out of second, frame, x1, y1, x2, y2, person and score, found \"",
               printable(name), "\"");
      SF_CHECK(std::ranges::count(names_, name) == 1, line, ": wanted each column once, found ",
               name, " again");
    }
    SF_CHECK(has("second") != has("frame"), line,
             ": wanted either a column second or a column frame, found ",
             has("second") ? "both" : "neither");
    for (std::string_view corner : kCorners)
      SF_CHECK(has(corner), line, ": wanted a column ", corner, ", found none");
  }

  KeyBox box(const TextLine& line, const Times& times) const {
    const auto fields = split_fields(line.text, ",");
    SF_CHECK(fields.size() == names_.size(), line, ": wanted ", names_.size(), " fields, found ",
             fields.size());
    KeyBox b;
    for (size_t i = 0; i < fields.size(); ++i) {
      const std::string& name = names_[i];
      const std::string_view text = trimmed(fields[i]);
      const auto wanted = [&](const auto& value, const char* what) {
        SF_CHECK(value, line, ": wanted ", what, " as ", name, ", found \"", printable(text), "\"");
        return *value;
      };
      const auto corner = std::ranges::find(kCorners, name);
      if (name == "person") {
        if (!text.empty()) b.person = wanted(whole_number(text), "a whole number");
      } else if (name == "score") {
        if (!text.empty()) b.score = wanted(real_number(text), "a number");
      } else if (corner != kCorners.end()) {
        b.box[size_t(corner - kCorners.begin())] = wanted(real_number(text), "a number");
      } else {
        b.frame = times.frame_of(line, wanted(real_number(text), "a number"), name == "second");
      }
    }
    return checked(line, b);
  }

 private:
  bool has(std::string_view name) const { return std::ranges::count(names_, name) > 0; }

  std::vector<std::string> names_;
};

// Rows of one video of AVA's predicted boxes.
class AvaBoxRows {
 public:
  explicit AvaBoxRows(const BoxFileOptions& options) : options_(options) {}

  std::optional<KeyBox> box(const TextLine& line, const Times& times) {
    const AvaRow row = parse_ava_row(line, true);
    if (row.video != options_.video) {
      if (other_.empty()) other_ = row.video;
      return {};
    }
    KeyBox b{.box = row.box, .score = row.score};
    b.frame = times.frame_of(line, double(row.second), true, times.starting_second);
    checked(line, b);
    if (!seen_.emplace(row.second, row.box).second) return {};
    return b;
  }

  // What the file has instead of the video; empty if it has nothing else.
  const std::string& other() const { return other_; }

 private:
  const BoxFileOptions& options_;
  std::set<std::pair<int64_t, BoxCorners>> seen_;
  std::string other_;
};

bool names_columns(std::string_view line) {
  const auto fields = split_fields(line, ",");
  return std::ranges::any_of(fields, [](std::string_view field) {
    return std::ranges::count(kCorners, trimmed(field)) > 0;
  });
}

}  // namespace

std::vector<KeyBox> read_box_file(const std::filesystem::path& path,
                                  const BoxFileOptions& options) {
  SF_CHECK(options.fps > 0, path.string(), ": wanted a video with a frame rate");
  const Times times{options.fps, options.starting_second};
  std::vector<KeyBox> boxes;
  bool first = true, json = false;
  std::optional<Columns> columns;
  AvaBoxRows ava(options);
  for_each_line(path, "a file of boxes", [&](const TextLine& line) {
    if (trimmed(line.text).empty()) return;
    if (std::exchange(first, false)) {
      json = trimmed(line.text).starts_with('{');
      if (!json && names_columns(line.text)) {
        columns.emplace(line);
        return;
      }
    }
    if (json) {
      boxes.push_back(json_box(line, times));
    } else if (columns) {
      boxes.push_back(columns->box(line, times));
    } else if (const auto box = ava.box(line, times)) {
      boxes.push_back(*box);
    }
  });
  SF_CHECK(!boxes.empty(), path.string(), ": wanted boxes",
           ava.other().empty() ? ", found none"
                               : cat(" of the video '", printable(options.video), "', found '",
                                     printable(ava.other()), "'"));
  std::ranges::stable_sort(boxes, {}, &KeyBox::frame);
  return boxes;
}

}  // namespace sf
