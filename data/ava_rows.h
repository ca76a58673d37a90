// The rows of AVA's files of boxes, and the lists beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/boxes.h"
#include "data/text_lines.h"

namespace sf {

// A second of a video.
using VideoSecond = std::pair<std::string, int64_t>;

// video,second,left,top,right,bottom,label[,score or number of the person], with coordinates as
// shares of the picture's sides. Its texts live as long as the line.
struct AvaRow {
  std::string_view video = {};
  int64_t second = 0;
  std::string_view box_text = {};  // the four coordinates as they stand there
  BoxCorners box{};
  std::optional<int64_t> label = {};  // none where the field is empty
  std::optional<double> score = {};   // none where it was not asked for
};

// Throws with file and line for rows of another form; a row `with_score` needs an eighth field.
AvaRow parse_ava_row(const TextLine& line, bool with_score);

// A row of a frame list.
struct FrameRow {
  std::string_view video, path;
};

// Calls f with the rows "video number frame path labels" behind the header of a frame list. Throws
// and reports as for_each_line() does.
void for_each_frame(const std::filesystem::path& list,
                    const std::function<void(const TextLine&, const FrameRow&)>& f,
                    const Report& report = {});

// A class that scores are measured of.
struct AvaClass {
  int64_t id = 0;  // label in the rows of boxes, from 1
  std::string name;
  friend bool operator==(const AvaClass&, const AvaClass&) = default;
};

// A label map in protobuf's text form: of each item the lines `name: "..."` and `id: N` or
// `label_id: N`, in this order. Throws with file and line for lines of another form, and for an id
// that is not positive or stands there twice.
std::vector<AvaClass> read_ava_classes(const std::filesystem::path& file);

// Rows video,second: key frames that are not scored.
std::set<VideoSecond> read_ava_exclusions(const std::filesystem::path& file);

}  // namespace sf
