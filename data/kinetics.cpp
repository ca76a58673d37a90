#include "data/kinetics.h"

#include <charconv>
#include <fstream>

#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

std::vector<std::string_view> split_fields(std::string_view line, std::string_view separator) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t at = line.find(separator);
    fields.push_back(line.substr(0, at));
    if (at == line.npos) return fields;
    line.remove_prefix(at + separator.size());
  }
}

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

VideoItem parse_row(std::string_view line, const std::string& where,
                    const KineticsOptions& options) {
  const auto fields = split_fields(line, options.separator);
  SF_CHECK(fields.size() <= 3, where, ": wanted 1 to 3 fields separated by \"", options.separator,
           "\", found ", fields.size(),
           " (paths with blanks need another DATA.PATH_LABEL_SEPARATOR)");
  SF_CHECK(fields.size() > 1 || !ends_in_separated_number(line), where,
           ": wanted fields separated by \"", options.separator, "\", found \"", printable(line),
           "\" (see DATA.PATH_LABEL_SEPARATOR)");
  SF_CHECK(!fields[0].empty(), where, ": wanted a path, found none");
  VideoItem item;
  if (fields.size() > 1) {
    const std::string_view text = fields.back();
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), item.label);
    SF_CHECK(status == std::errc() && end == text.data() + text.size(), where,
             ": wanted a whole number as label, ", "found \"", printable(text), "\"");
  }
  SF_CHECK(item.label >= 0 && (options.num_classes == 0 || item.label < options.num_classes), where,
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
  std::error_code ignored;
  SF_CHECK(std::filesystem::is_regular_file(options.list, ignored), list,
           ": wanted a list of videos, found ",
           std::filesystem::exists(options.list, ignored) ? "no regular file" : "no such file");
  std::ifstream in(options.list, std::ios::binary);
  SF_CHECK(in.good(), list, ": cannot be read");
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    SF_CHECK(line.find('\0') == line.npos, list, ":", number,
             ": wanted text, found a zero byte (UTF-16 is not read)");
    videos_.push_back(parse_row(line, cat(list, ":", number), options));
  }
  SF_CHECK(in.eof(), list, ": cannot be read to the end");
  SF_CHECK(!videos_.empty(), list, ": wanted at least one video, found none");
}

const VideoItem& KineticsDataset::video(int64_t index) const {
  SF_CHECK(index >= 0 && index < size(), "data set: wanted a video in [0, ", size(), "), found ",
           index);
  return videos_[size_t(index)];
}

}  // namespace sf
