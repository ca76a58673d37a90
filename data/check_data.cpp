#include "data/check_data.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "data/ava_rows.h"
#include "data/jpeg.h"
#include "data/video_reader.h"
#include "kernels/base/error.h"
#include "kernels/base/threads.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

// Files that are decoded before their faults are told.
constexpr size_t kFilesAtOnce = 256;

// A file that a line of a list names.
struct ListedFile {
  std::string where;  // the line
  std::filesystem::path path;
  bool is_video = true;
  std::string video = {};  // that the picture is of
};

struct FileCheck {
  std::string fault;
  PictureSize size;
};

PictureSize decode_video(const std::filesystem::path& path, const DataCheck& check) {
  VideoReader reader(path, {.timeout_seconds = check.decode_timeout_seconds});
  const int64_t promised = reader.expected_frames(), found = reader.frame_count();
  SF_CHECK(found > 0, path.string(), ": wanted frames, found none that decodes");
  SF_CHECK(found >= promised, path.string(), ": wanted ", promised, " frames, found ", found);
  return {reader.info().height, reader.info().width};
}

PictureSize decode_picture(const std::filesystem::path& path) {
  PictureBuffer buffer;
  read_jpeg(path, buffer);
  return {buffer.view().height, buffer.view().width};
}

FileCheck decode(const ListedFile& file, const DataCheck& check) {
  try {
    std::error_code ignored;
    SF_CHECK(std::filesystem::exists(file.path, ignored), file.path.string(), ": no such file");
    const PictureSize size =
        file.is_video ? decode_video(file.path, check) : decode_picture(file.path);
    SF_CHECK(std::min(size.height, size.width) >= check.least_short_side, file.path.string(),
             ": wanted a short side of at least ", check.least_short_side, ", found ", size.height,
             "x", size.width);
    return {.fault = {}, .size = size};
  } catch (const std::exception& e) { return {.fault = e.what(), .size = {}}; }
}

// Decodes files in groups.
class Decoder {
 public:
  Decoder(const DataCheck& check, int64_t total, DataCounts& counts)
      : check_(check), total_(total), counts_(counts) {}

  void add(ListedFile file) {
    files_.push_back(std::move(file));
    if (files_.size() == kFilesAtOnce) finish();
  }

  void finish() {
    std::vector<FileCheck> results(files_.size());
    parallel_for(int64_t(files_.size()), 1,
                 [&](int64_t i) { results[size_t(i)] = decode(files_[size_t(i)], check_); });
    for (size_t i = 0; i < files_.size(); ++i) {
      std::string fault = results[i].fault;
      if (fault.empty() && !files_[i].is_video) fault = size_fault(files_[i], results[i].size);
      if (!fault.empty()) check_.report(cat(files_[i].where, ": ", fault));
    }
    counts_.files += int64_t(files_.size());
    if (check_.progress) check_.progress(int64_t(files_.size()), total_);
    files_.clear();
  }

 private:
  // The first intact picture of a video says what the others should be.
  std::string size_fault(const ListedFile& file, PictureSize size) {
    const PictureSize wanted = sizes_.emplace(file.video, size).first->second;
    if (size == wanted) return {};
    return cat(file.path.string(), ": wanted a picture of ", wanted.height, "x", wanted.width,
               " as the others of ", printable(file.video), ", found ", size.height, "x",
               size.width);
  }

  const DataCheck& check_;
  const int64_t total_;
  DataCounts& counts_;
  std::vector<ListedFile> files_;
  std::map<std::string, PictureSize> sizes_;
};

// What the loader takes as it is, and is hardly meant.
void check_box(const TextLine& line, const AvaRow& row) {
  const auto [left, top, right, bottom] = row.box;
  SF_CHECK(left <= right && top <= bottom, line, ": wanted left,top,right,bottom of a box, found ",
           printable(row.box_text));
  SF_CHECK(left >= 0 && top >= 0 && right <= 1 && bottom <= 1, line,
           ": wanted a box within 0 and 1, found ", printable(row.box_text));
}

void check_boxes(const std::filesystem::path& file, bool detected, const AvaDataset& dataset,
                 const AvaOptions& o, const DataCheck& check, DataCounts& counts) {
  std::set<VideoSecond> late;
  const auto look = [&](const TextLine& line) {
    std::optional<AvaRow> row;
    try {
      row = parse_ava_row(line, detected);
    } catch (const Error&) { return; }  // the data set has reported it
    ++counts.boxes;
    check_box(line, *row);
    const FrameList* const frames = dataset.frames(row->video);
    if (frames == nullptr || frames->is_video_file()) return;
    if (row->second < o.seconds[0] || row->second > o.seconds[1]) return;  // reported, too
    const auto frame = double(row->second - o.start_second) * o.fps;
    if (frame < double(frames->size()) && frame >= 0) return;
    if (!late.emplace(row->video, row->second).second) return;
    throw Error(cat(line, ": wanted a second of the ", frames->size(), " frames of ",
                    printable(row->video), ", found ", row->second, ", frame ", frame));
  };
  for_each_line(file, "a file of boxes", look, check.report);
}

// Calls f; reports what it throws.
template <class F>
void reporting(const DataCheck& check, const F& f) {
  try {
    f();
  } catch (const Error& e) { check.report(e.what()); }
}

}  // namespace

DataCounts check_kinetics(KineticsOptions options, const DataCheck& check) {
  DataCounts counts;
  reporting(check, [&] {
    options.report = check.report;
    const KineticsDataset dataset(options);
    Decoder decoder(check, dataset.size(), counts);
    for (int64_t i = 0; i < dataset.size(); ++i) {
      const VideoItem& video = dataset.video(i);
      decoder.add({.where = cat(options.list.string(), ":", video.line), .path = video.path});
    }
    decoder.finish();
  });
  return counts;
}

DataCounts check_ava(AvaOptions options, const DataCheck& check) {
  DataCounts counts;
  options.report = check.report;
  reporting(check, [&] {
    const AvaDataset dataset(options);
    for (const std::string& warning : dataset.warnings()) check.report(warning);
    for (const auto& file : options.annotations)
      check_boxes(file, false, dataset, options, check, counts);
    for (const auto& file : options.detections)
      check_boxes(file, true, dataset, options, check, counts);
    Decoder decoder(check, dataset.frame_paths(), counts);
    for (const auto& list : options.frame_lists) {
      const auto add = [&](const TextLine& line, const FrameRow& row) {
        decoder.add({.where = cat(line),
                     .path = options.frame_folder / row.path,
                     .is_video = dataset.frames(row.video)->is_video_file(),
                     .video = std::string(row.video)});
      };
      for_each_frame(list, add, [](const std::string&) {});  // the data set has reported them
    }
    decoder.finish();
  });
  return counts;
}

}  // namespace sf
