#include "apps/engine/results.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/engine/logging.h"
#include "apps/engine/pickle_writer.h"
#include "tensor/atomic_file.h"
#include "tensor/bounded_json.h"
#include "tensor/mapped_file.h"
#include "tensor/safetensors.h"

namespace sf {
namespace {

using nlohmann::ordered_json;

constexpr size_t kBest = 5;

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// Sums of scores as shares of the clips they come from.
double share(const ViewEnsemble& ensemble, int64_t video, int64_t label) {
  const auto scores = ensemble.scores(video);
  const double total = std::accumulate(scores.begin(), scores.end(), 0.0);
  return total > 0 ? scores[size_t(label)] / total : scores[size_t(label)];
}

ordered_json video_json(const TestResults& r, int64_t v) {
  const auto& video = r.videos[size_t(v)];
  ordered_json row{{"path", video.path}, {"label", video.label}};
  if (!video.fault.empty()) {
    row["error"] = video.fault;
    return row;
  }
  const auto best = best_classes(r.ensemble->scores(v), kBest);
  row["prediction"] = best[0];
  row["correct"] = best[0] == video.label;
  row["clips"] = r.ensemble->clip_count(v);
  for (int64_t label : best)
    row["best"].push_back(
        {{"class", label}, {"name", r.name_of(label)}, {"score", share(*r.ensemble, v, label)}});
  return row;
}

void write_json(const std::filesystem::path& path, const TestResults& r) {
  ordered_json all;
  const auto& total = r.accuracy.all;
  all["videos_counted"] = total.videos;
  all["top1_acc"] = Accuracy::percent(total.top1, total.videos);
  all["top5_acc"] = Accuracy::percent(total.top5, total.videos);
  all["videos"] = ordered_json::array();
  for (int64_t v = 0; v < int64_t(r.videos.size()); ++v) all["videos"].push_back(video_json(r, v));
  all["classes"] = ordered_json::array();
  for (size_t c = 0; c < r.accuracy.classes.size(); ++c) {
    const auto& row = r.accuracy.classes[c];
    if (row.videos > 0)
      all["classes"].push_back({{"class", c},
                                {"name", r.name_of(int64_t(c))},
                                {"videos", row.videos},
                                {"top1_acc", Accuracy::percent(row.top1, row.videos)},
                                {"top5_acc", Accuracy::percent(row.top5, row.videos)}});
  }
  write_atomically(path, all.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

void write_csv(const std::filesystem::path& path, const TestResults& r) {
  std::string videos = "path,label,prediction,name,score,correct,clips,error\n";
  for (int64_t v = 0; v < int64_t(r.videos.size()); ++v) {
    const auto& video = r.videos[size_t(v)];
    if (!video.fault.empty()) {
      videos += fmt::format("{},{},,,,,0,{}\n", csv_field(video.path), video.label,
                            csv_field(video.fault));
      continue;
    }
    const int64_t best = best_classes(r.ensemble->scores(v), kBest)[0];
    videos += fmt::format("{},{},{},{},{:.6f},{},{},\n", csv_field(video.path), video.label, best,
                          csv_field(r.name_of(best)), share(*r.ensemble, v, best),
                          int(best == video.label), r.ensemble->clip_count(v));
  }
  std::string classes = "class,name,videos,top1_acc,top5_acc\n";
  for (size_t c = 0; c < r.accuracy.classes.size(); ++c) {
    const auto& row = r.accuracy.classes[c];
    if (row.videos > 0)
      classes += fmt::format("{},{},{},{:.2f},{:.2f}\n", c, csv_field(r.name_of(int64_t(c))),
                             row.videos, Accuracy::percent(row.top1, row.videos),
                             Accuracy::percent(row.top5, row.videos));
  }
  auto class_path = path;
  class_path.replace_filename(path.stem().string() + "_classes.csv");
  write_atomically(path, videos);
  write_atomically(class_path, classes);
}

}  // namespace

std::vector<int64_t> best_classes(std::span<const float> scores, size_t count) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t best = std::min(count, order.size());
  std::partial_sort(
      order.begin(), order.begin() + int64_t(best), order.end(), [&](int64_t a, int64_t b) {
        return scores[size_t(a)] != scores[size_t(b)] ? scores[size_t(a)] > scores[size_t(b)]
                                                      : a < b;
      });
  order.resize(best);
  return order;
}

std::string class_name(const std::vector<std::string>& names, int64_t label) {
  if (size_t(label) < names.size()) return names[size_t(label)];
  return cat(label);
}

std::vector<std::string> read_class_names(const std::filesystem::path& path, int64_t classes) {
  const auto file = naming_file(path, [&] { return MappedFile::open(path); });
  const std::string text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  std::vector<std::string> names = split_lines(text);
  if (path.extension() == ".json") {
    const auto json = parse_bounded_json(text, path.string());
    SF_CHECK(json.is_object(), path.string(), ": wanted a JSON object {\"name\": number}");
    names.assign(size_t(classes), "");
    for (const auto& [name, label] : json.items()) {
      SF_CHECK(
          label.is_number_integer() && label.get<int64_t>() >= 0 && label.get<int64_t>() < classes,
          path.string(), ": wanted a number below ", classes, " for '", printable(name),
          "', found ", printable(label.dump()));
      names[label.get<size_t>()] = name;
    }
    return names;
  }
  SF_CHECK(int64_t(names.size()) <= classes, path.string(), ": wanted at most ", classes,
           " names, found ", names.size());
  return names;
}

std::string per_class_table(const TestResults& r) {
  size_t width = 5;
  for (size_t c = 0; c < r.accuracy.classes.size(); ++c)
    if (r.accuracy.classes[c].videos > 0) width = std::max(width, r.name_of(int64_t(c)).size());
  const auto line = [&](const std::string& name, const ClassAccuracy& row) {
    return fmt::format("{:<{}}  {:>6}  {:>6.2f}  {:>6.2f}\n", name, width, row.videos,
                       Accuracy::percent(row.top1, row.videos),
                       Accuracy::percent(row.top5, row.videos));
  };
  std::string text =
      fmt::format("{:<{}}  {:>6}  {:>6}  {:>6}\n", "class", width, "videos", "top-1", "top-5");
  for (size_t c = 0; c < r.accuracy.classes.size(); ++c)
    if (r.accuracy.classes[c].videos > 0)
      text += line(r.name_of(int64_t(c)), r.accuracy.classes[c]);
  return text + line("all", r.accuracy.all);
}

void write_predictions(const std::filesystem::path& path, const TestResults& results) {
  if (path.extension() == ".json") return write_json(path, results);
  if (path.extension() == ".csv") return write_csv(path, results);
  throw Error(cat("SF.PREDICTIONS_PATH: wanted a name that ends in .json or .csv, found '",
                  path.string(), "'"));
}

void write_scores(const std::filesystem::path& path, const ViewEnsemble& ensemble) {
  std::vector<int64_t> labels;
  for (int64_t v = 0; v < ensemble.videos(); ++v) labels.push_back(ensemble.label(v));
  const Tensor scores = ensemble.all_scores(), truth = Tensor::from(labels, {ensemble.videos()});
  if (path.extension() == ".safetensors")
    return write_safetensors(path, {{"scores", scores}, {"labels", truth}});
  AtomicFile file(path);
  file.write(pickled_arrays({scores, truth}));
  file.commit();
}

}  // namespace sf
