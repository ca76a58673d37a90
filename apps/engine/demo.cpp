#include "apps/engine/demo.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "apps/engine/box_scores.h"
#include "apps/engine/clip_scores.h"
#include "apps/engine/progress.h"
#include "apps/engine/results.h"
#include "apps/engine/score_lines.h"
#include "apps/engine/setup.h"
#include "data/ava_rows.h"
#include "data/box_tracks.h"
#include "data/draw/labels.h"
#include "data/video_reader.h"
#include "data/video_writer.h"
#include "kernels/base/error.h"
#include "tensor/atomic_file.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_of_classes(const Config& config) {
  auto path = config.get<std::string>("SF.CLASS_NAMES_PATH");
  if (path.empty()) path = config.get<std::string>("DEMO.LABEL_FILE_PATH");
  if (path.empty()) return {};
  const auto classes = config.get<int64_t>("MODEL.NUM_CLASSES");
  if (!path.ends_with(".pbtxt")) return read_class_names(path, classes);
  std::vector<std::string> names;
  for (int64_t i = 1; i <= classes; ++i) names.push_back(cat("class ", i));
  for (const AvaClass& c : read_ava_classes(path))
    if (c.id <= classes) names[size_t(c.id - 1)] = c.name;
  return names;
}

// What the network says of the moments of a video.
struct Found {
  std::vector<ClipScores> clips;
  std::vector<std::vector<Bar>> bars;            // of each clip
  std::vector<std::vector<std::string>> labels;  // of each box
  std::string lines;                             // as a file
};

// The bars of each clip.
std::vector<std::vector<Bar>> bars_of(const std::vector<ClipScores>& clips,
                                      const std::vector<std::string>& class_names, size_t top) {
  std::vector<std::vector<Bar>> all;
  for (const ClipScores& clip : clips) {
    auto& bars = all.emplace_back();
    for (int64_t label : best_classes(clip.scores, top))
      bars.push_back({class_name(class_names, label), clip.scores[size_t(label)]});
  }
  return all;
}

// What is known of a person.
std::vector<std::string> known_of(const KeyBox& box) {
  std::string line;
  if (box.person) line = fmt::format("#{}", *box.person);
  if (box.score) line += fmt::format("{}{:.2f}", line.empty() ? "" : " ", *box.score);
  return line.empty() ? std::vector<std::string>{} : std::vector{line};
}

Found find(const Config& config, const DemoOptions& o, const VideoInfo& info,
           std::span<const KeyBox> boxes) {
  const auto class_names = names_of_classes(config);
  const std::vector<Device> devices = choose_devices(config);
  const auto model = initial_model(config, DType::f32);
  load_test_weights(*model, config);
  const auto top = size_t(o.top);
  Found found;
  for (const KeyBox& box : boxes) found.labels.push_back(known_of(box));
  if (model->detects()) {
    const auto scores = score_boxes(config, *model, devices, o.input, info.fps, boxes);
    for (size_t i = 0; i < boxes.size(); ++i)
      for (std::string& label : box_labels(config, scores[i], class_names, top))
        found.labels[i].push_back(std::move(label));
    found.lines = box_lines(boxes, scores, info.fps, class_names, top);
  } else {
    found.clips = score_clips(config, *model, devices, o.input);
    found.bars = bars_of(found.clips, class_names, top);
    found.lines = clip_lines(found.clips, info.fps, class_names, top);
  }
  return found;
}

// Draws on the frames of a video, in order.
class Overlay {
 public:
  Overlay(const VideoInfo& info, const Found& found, const BoxTracks& boxes)
      : font_(font_pixels(info.width, info.height)), found_(found), boxes_(boxes) {}

  // The picture lives until the next call.
  Picture draw(const Picture& frame, int64_t number) {
    const auto& clips = found_.clips;
    // Where clips overlap, the earlier one counts; behind the last, the last.
    while (clip_ + 1 < clips.size() && double(number) >= clips[clip_].end) ++clip_;
    canvas_.assign(frame);
    for (const TrackedBox& b : boxes_.at(double(number))) {
      const KeyBox& key = boxes_.boxes()[b.key];
      draw_box(canvas_, font_, b.box, colour_of(key.person.value_or(int64_t(b.track))),
               found_.labels[b.key]);
    }
    if (!clips.empty()) draw_bars(canvas_, font_, found_.bars[clip_]);
    return canvas_.view();
  }

 private:
  Canvas canvas_;
  Font font_;
  const Found& found_;
  const BoxTracks& boxes_;
  size_t clip_ = 0;
};

// Encoders want even sizes: an odd one loses its last row or column.
Box even_part(const VideoInfo& info) {
  return {.y = 0, .x = 0, .height = info.height / 2 * 2, .width = info.width / 2 * 2};
}

// The number of frames written.
int64_t write_video(VideoReader& reader, const fs::path& path, int output_fps, Overlay& overlay) {
  constexpr int64_t kFramesAtOnce = 64;  // each has the reader's time limit
  const VideoInfo& info = reader.info();
  const Box part = even_part(info);
  const bool own_rate = output_fps > 0;
  VideoWriter writer(path, {.width = part.width,
                            .height = part.height,
                            .fps_num = own_rate ? output_fps : info.fps_num,
                            .fps_den = own_rate ? 1 : info.fps_den});
  ProgressBar progress("Drawing", "frames", reader.expected_frames());
  std::vector<int64_t> frames(kFramesAtOnce);
  int64_t written = 0;
  for (bool more = true; more;) {
    std::iota(frames.begin(), frames.end(), written);
    const size_t found = reader.visit(frames, [&](size_t k, const Picture& picture) {
      writer.write(overlay.draw(part_of(picture, part), frames[k]));
    });
    written += int64_t(found);
    progress.advance(int64_t(found));
    more = found == frames.size();
  }
  writer.finish();
  return written;
}

BoxTracks read_tracks(const Config& config, const DemoOptions& o, double fps) {
  if (o.boxes.empty()) return BoxTracks({});
  return BoxTracks(
      read_box_file(o.boxes, {.fps = fps,
                              .video = o.input.stem().string(),
                              .starting_second = config.get<double>("DEMO.STARTING_SECOND")}));
}

}  // namespace

DemoOptions demo_options(const Config& config) {
  const auto camera = config.get<int>("DEMO.WEBCAM");
  SF_CHECK(camera < 0, "DEMO.WEBCAM: wanted -1, found ", camera, ": cameras are not read");
  DemoOptions o{.input = config.get<std::string>("DEMO.INPUT_VIDEO"),
                .output = config.get<std::string>("DEMO.OUTPUT_FILE"),
                .boxes = config.get<std::string>("DEMO.PREDS_BOXES")};
  SF_CHECK(!o.input.empty(), "DEMO.INPUT_VIDEO: wanted a video, found none");
  SF_CHECK(!o.output.empty(), "DEMO.OUTPUT_FILE: wanted the name of a video, found none");
  return o;
}

void demo(const Config& config, const DemoOptions& o) {
  SF_CHECK(!config.get<bool>("DETECTION.ENABLE") || !o.boxes.empty(),
           "DETECTION.ENABLE: wanted a file of boxes (--boxes, DEMO.PREDS_BOXES), found none");
  std::error_code ignored;
  SF_CHECK(!fs::equivalent(o.input, o.output, ignored), o.output.string(),
           ": wanted another file than the input");
  fs::path lines = o.output;
  lines.replace_extension(".jsonl");
  SF_CHECK(lines != o.output, o.output.string(), ": wanted the name of a video");

  // What is wrong with the files is told before the network runs.
  VideoReader reader(o.input, {.timeout_seconds = config.get<double>("SF.DECODE_TIMEOUT")});
  const VideoInfo info = reader.info();
  const BoxTracks boxes = read_tracks(config, o, info.fps);
  const Found found = find(config, o, info, boxes.boxes());
  write_atomically(lines, found.lines);
  Overlay overlay(info, found, boxes);
  const int64_t frames = write_video(reader, o.output, config.get<int>("DEMO.OUTPUT_FPS"), overlay);
  const std::string what = cat(found.clips.empty() ? boxes.boxes().size() : found.clips.size(),
                               found.clips.empty() ? " boxes" : " clips");
  fmt::print("{}: {} frames, {}; their scores are in {}\n", o.output.string(), frames, what,
             lines.string());
}

}  // namespace sf
