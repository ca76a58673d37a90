#include "data/make_lists.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "data/random_draws.h"
#include "data/text_lines.h"
#include "kernels/base/error.h"
#include "tensor/atomic_file.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return text;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// All files below a folder, sorted.
std::vector<fs::path> files_below(const fs::path& dir) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator it(dir, fs::directory_options::follow_directory_symlink, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (is_hidden(it->path())) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file(error)) {
      files.push_back(it->path());
    }
  }
  SF_CHECK(!error, dir.string(), ": wanted a folder that can be read: ", error.message());
  std::ranges::sort(files);
  return files;
}

// The folders in a folder, sorted.
std::vector<fs::path> folders_in(const fs::path& dir) {
  std::vector<fs::path> folders;
  std::error_code error;
  fs::directory_iterator it(dir, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error))
    if (!is_hidden(it->path()) && it->is_directory(error)) folders.push_back(it->path());
  SF_CHECK(!error, dir.string(), ": wanted a folder that can be read: ", error.message());
  std::ranges::sort(folders);
  return folders;
}

// The fields of a row, of which some are in quotes.
std::vector<std::string> csv_fields(const TextLine& line) {
  std::vector<std::string> fields(1);
  const std::string_view text = line.text;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += text[++i];
    } else if (c == '"' && (quoted || trimmed(fields.back()).empty())) {
      if (!quoted) fields.back().clear();
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  SF_CHECK(!quoted, line, ": wanted a quote at the end of a field, found none");
  for (std::string& field : fields) field = std::string(trimmed(field));
  return fields;
}

std::optional<Split> parse_split(const TextLine& line, const std::string& text) {
  if (text.empty()) return {};
  if (text == "train") return Split::train;
  if (text == "val" || text == "validate" || text == "validation") return Split::val;
  SF_CHECK(text == "test", line, ": wanted a split train, val or test, found \"", printable(text),
           "\"");
  return Split::test;
}

// The columns of an annotation file by its first line.
class Annotations {
 public:
  Annotations(const TextLine& line, const fs::path& dir) : dir_(dir) {
    for (const std::string& name : csv_fields(line)) {
      SF_CHECK(columns_.emplace(lower(name), count_++).second, line,
               ": wanted each column once, found ", printable(name), " again");
    }
    const auto has = [&](const char* name) { return columns_.contains(name); };
    by_path_ = has("path");
    SF_CHECK(
        has("label") && (by_path_ || (has("youtube_id") && has("time_start") && has("time_end"))),
        line, ": wanted columns label and path, or label, youtube_id, time_start and time_end");
    if (by_path_) return;
    for (const fs::path& file : files_below(dir))
      if (is_video_name(file)) by_stem_.emplace(file.stem().string(), file);
  }

  void add(const TextLine& line, AnnotatedVideos& to) const {
    const auto fields = csv_fields(line);
    SF_CHECK(fields.size() == count_, line, ": wanted ", count_, " fields, found ", fields.size());
    const auto field = [&](const char* name) -> const std::string& {
      return fields[columns_.at(name)];
    };
    LabelledVideo video{.path = {}, .class_name = field("label")};
    SF_CHECK(!video.class_name.empty(), line, ": wanted a label, found none");
    if (columns_.contains("split")) video.split = parse_split(line, field("split"));
    std::string what;
    if (by_path_) {
      what = field("path");
      SF_CHECK(!what.empty(), line, ": wanted a path, found none");
      std::error_code ignored;
      if (fs::is_regular_file(dir_ / what, ignored)) video.path = dir_ / what;
    } else {
      const auto second = [&](const char* name) {
        const auto value = real_number(field(name));
        SF_CHECK(value && *value >= 0 && *value < 1e6, line, ": wanted seconds as ", name,
                 ", found \"", printable(field(name)), "\"");
        return int64_t(*value);
      };
      SF_CHECK(!field("youtube_id").empty(), line, ": wanted a youtube_id, found none");
      what = fmt::format("{}_{:06}_{:06}", field("youtube_id"), second("time_start"),
                         second("time_end"));
      for (const std::string& stem : {what, field("youtube_id")})
        if (const auto at = by_stem_.find(stem); video.path.empty() && at != by_stem_.end())
          video.path = at->second;
    }
    if (video.path.empty()) {
      to.missing.push_back(what);
    } else {
      to.videos.push_back(std::move(video));
    }
  }

 private:
  fs::path dir_;
  std::map<std::string, size_t> columns_;
  size_t count_ = 0;
  bool by_path_ = false;
  std::map<std::string, fs::path> by_stem_;
};

struct Row {
  std::string path;
  int64_t label = 0;
  std::optional<Split> split;
};

// Shares of a class out among the splits, those with a split aside.
void split_class(std::vector<Row*>& rows, const ListOptions& o) {
  const CounterRng rng = derived(CounterRng("lists"), o.seed);
  const auto draw = [&](const Row* row) {
    return std::pair(derived(rng, fnv1a64(row->path)).bits(0), row->path);
  };
  std::ranges::sort(rows, {}, draw);
  const auto count = double(rows.size());
  const auto test = size_t(std::lround(o.test * count));
  const size_t held_out = std::min(rows.size(), test + size_t(std::lround(o.val * count)));
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i]->split = i < test ? Split::test : i < held_out ? Split::val : Split::train;
}

std::vector<std::string> names_of(const std::vector<LabelledVideo>& videos) {
  std::set<std::string> names;
  for (const LabelledVideo& video : videos) names.insert(video.class_name);
  return {names.begin(), names.end()};
}

}  // namespace

bool is_video_name(const fs::path& path) {
  static const std::set<std::string> kEndings{".mp4", ".mkv",  ".webm", ".avi", ".mov", ".m4v",
                                              ".mpg", ".mpeg", ".ts",   ".flv", ".wmv", ".3gp"};
  return kEndings.contains(lower(path.extension().string()));
}

std::vector<LabelledVideo> videos_of_folders(const fs::path& dir) {
  std::vector<LabelledVideo> videos;
  for (const fs::path& folder : folders_in(dir))
    for (const fs::path& file : files_below(folder))
      if (is_video_name(file))
        videos.push_back({.path = file, .class_name = folder.filename().string()});
  SF_CHECK(!videos.empty(), dir.string(),
           ": wanted a folder for each class with videos in it, found no video");
  return videos;
}

AnnotatedVideos videos_of_annotations(const fs::path& csv, const fs::path& dir) {
  AnnotatedVideos found;
  std::optional<Annotations> annotations;
  for_each_line(csv, "a file of annotations", [&](const TextLine& line) {
    if (annotations) {
      annotations->add(line, found);
    } else {
      annotations.emplace(line, dir);
    }
  });
  SF_CHECK(!found.videos.empty(), csv.string(), ": wanted annotated videos in ", dir.string(),
           ", found none of ", found.missing.size());
  return found;
}

ListCounts write_video_lists(const std::vector<LabelledVideo>& videos, const ListOptions& o) {
  SF_CHECK(o.val >= 0 && o.test >= 0 && o.val + o.test < 1,
           "lists: wanted shares of val and test that leave some for train, found ", o.val, " and ",
           o.test);
  SF_CHECK(!o.separator.empty(), "lists: wanted a separator, found none");
  const std::vector<std::string> classes = o.classes.empty() ? names_of(videos) : o.classes;
  const fs::path folder = fs::absolute(o.dir).lexically_normal();
  std::vector<Row> rows;
  for (const LabelledVideo& video : videos) {
    const auto at = std::ranges::find(classes, video.class_name);
    SF_CHECK(at != classes.end(), video.path.string(), ": wanted one of the ", classes.size(),
             " classes, found '", printable(video.class_name), "'");
    Row row{.path = fs::absolute(video.path).lexically_normal().lexically_proximate(folder),
            .label = at - classes.begin(),
            .split = video.split};
    SF_CHECK(row.path.find(o.separator) == std::string::npos &&
                 row.path.find_first_of("\r\n") == std::string::npos,
             printable(row.path), ": wanted a path without the separator \"", o.separator,
             "\" (--separator, DATA.PATH_LABEL_SEPARATOR) and in one line");
    rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, {}, [](const Row& r) { return std::tie(r.label, r.path); });

  std::map<int64_t, std::vector<Row*>> by_class;
  for (Row& row : rows)
    if (!row.split) by_class[row.label].push_back(&row);
  for (auto& [label, members] : by_class) split_class(members, o);

  std::error_code error;
  fs::create_directories(o.dir, error);
  SF_CHECK(!error, o.dir.string(), ": ", error.message());
  ListCounts counts{.classes = int64_t(classes.size())};
  for (Split split : {Split::train, Split::val, Split::test}) {
    std::string text;
    for (const Row& row : rows) {
      if (row.split != split) continue;
      text += cat(row.path, o.separator, row.label, '\n');
      ++counts.videos[size_t(split)];
    }
    if (!text.empty()) write_atomically(o.dir / cat(name_of(split), ".csv"), text);
  }
  write_atomically(o.dir / "classes.txt", fmt::format("{}\n", fmt::join(classes, "\n")));
  return counts;
}

FrameListCounts write_frame_list(const fs::path& dir, const fs::path& names, const fs::path& list) {
  FrameListCounts counts;
  std::vector<fs::path> folders;
  if (names.empty()) {
    folders = folders_in(dir);
  } else {
    std::set<std::string> seen;
    for_each_line(names, "a list of names", [&](const TextLine& line) {
      const fs::path named = trimmed(split_fields(line.text, ",")[0]);
      const std::string name = is_video_name(named) ? named.stem() : named;
      SF_CHECK(!name.empty(), line, ": wanted the name of a video, found none");
      if (!seen.insert(name).second) return;
      std::error_code ignored;
      if (fs::is_directory(dir / name, ignored)) {
        folders.push_back(dir / name);
      } else {
        counts.missing.push_back(name);
      }
    });
  }
  AtomicFile file(list);
  file.write("original_vido_id video_id frame_id path labels\n");
  for (const fs::path& folder : folders) {
    const std::string name = folder.filename();
    int64_t frame = 0;
    for (const fs::path& picture : files_below(folder)) {
      if (lower(picture.extension()) != ".jpg") continue;
      const std::string path = picture.lexically_relative(dir);
      SF_CHECK(split_words(path).size() == 1 && path.find('\n') == std::string::npos,
               printable(path), ": wanted a path without blanks, as columns of the list are");
      file.write(fmt::format("{} {} {} {} \"\"\n", name, counts.videos, frame++, path));
    }
    if (frame == 0) {
      counts.missing.push_back(name);
      continue;
    }
    ++counts.videos;
    counts.frames += frame;
  }
  SF_CHECK(counts.videos > 0, dir.string(), ": wanted folders of .jpg pictures, found none");
  file.commit();
  return counts;
}

}  // namespace sf
