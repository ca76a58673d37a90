#include "data/kinetics.h"

#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

// True for "video.mp4,3": a row whose separator is another one than the configured.
bool ends_in_separated_number(std::string_view line) {
  const size_t digits = line.find_last_not_of("0123456789");
  return digits != line.npos && digits + 1 < line.size() && digits > 0 &&
         std::string_view(",;\t |").find(line[digits]) != std::string_view::npos;
}

std::filesystem::path resolve(const std::filesystem::path& path, const KineticsOptions& options) {
  if (path.is_absolute()) return path;
  if (!options.path_prefix.empty()) return options.path_prefix / path;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  return options.list.parent_path() / path;
}

VideoItem parse_row(const TextLine& line, const KineticsOptions& options) {
  const auto fields = split_fields(line.text, options.separator);
  SF_CHECK(fields.size() <= 3, line, ": wanted 1 to 3 fields separated by \"", options.separator,
           "\", found ", fields.size(),
           " (paths with blanks need another DATA.PATH_LABEL_SEPARATOR)");
  SF_CHECK(fields.size() > 1 || !ends_in_separated_number(line.text), line,
           ": wanted fields separated by \"", options.separator, "\", found \"",
           printable(line.text), "\" (see DATA.PATH_LABEL_SEPARATOR)");
  SF_CHECK(!fields[0].empty(), line, ": wanted a path, found none");
  VideoItem item{.line = line.number};
  if (fields.size() > 1) {
    const auto label = whole_number(fields.back());
    SF_CHECK(label, line, ": wanted a whole number as label, found \"", printable(fields.back()),
             "\"");
    item.label = *label;
  }
  SF_CHECK(item.label >= 0 && (options.num_classes == 0 || item.label < options.num_classes), line,
           ": wanted a label in [0, ",
           options.num_classes == 0 ? "..." : std::to_string(options.num_classes), "), found ",
           item.label);
  item.path = resolve(std::filesystem::path(fields[0]), options).string();
  std::error_code error;
  const auto status = std::filesystem::status(item.path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    item.fault = item.path + ": no such file";
  } else if (error) {
    item.fault = item.path + ": " + error.message();
  }
  return item;
}

}  // namespace

KineticsDataset::KineticsDataset(const KineticsOptions& options) {
  const std::string list = options.list.string();
  SF_CHECK(!options.separator.empty(), "DATA.PATH_LABEL_SEPARATOR: wanted text, found none");
  for_each_line(
      options.list, "a list of videos",
      [&](const TextLine& line) { videos_.push_back(parse_row(line, options)); }, options.report);
  SF_CHECK(!videos_.empty(), list, ": wanted at least one video, found none");
}

const VideoItem& KineticsDataset::video(int64_t index) const {
  SF_CHECK(index >= 0 && index < size(), "data set: wanted a video in [0, ", size(), "), found ",
           index);
  return videos_[size_t(index)];
}

}  // namespace sf
