#include "apps/engine/training_history.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

namespace sf {
namespace {

using nlohmann::json;

constexpr double kWorst = 100;

// "3/196" gives 3 and 196.
std::optional<std::pair<int64_t, int64_t>> fraction(const json& stats, const char* key) {
  const auto found = stats.find(key);
  if (found == stats.end() || !found->is_string()) return {};
  long long part = 0, whole = 0;
  if (std::sscanf(found->get_ref<const std::string&>().c_str(), "%9lld/%9lld", &part, &whole) != 2)
    return {};
  if (part < 1 || whole < part) return {};
  return {{part, whole}};
}

std::optional<double> number(const json& stats, const char* key) {
  const auto found = stats.find(key);
  if (found == stats.end() || !found->is_number()) return {};
  return found->get<double>();
}

void read_iteration(const json& stats, int64_t epoch, TrainingHistory& history) {
  const auto place = fraction(stats, stats.contains("cur_iter") ? "cur_iter" : "iter");
  const auto loss = number(stats, "loss");
  if (!place || !loss) return;
  const auto [iteration, count] = *place;
  history.iterations[{epoch, iteration - 1}] = {
      .epochs = double(epoch) + double(iteration) / double(count), .loss = *loss};
}

void read_epoch(const json& stats, int64_t epoch, std::map<int64_t, TrainingHistory::Epoch>& to) {
  const auto top1 = number(stats, "top1_err"), top5 = number(stats, "top5_err");
  if (top1 && top5) to[epoch] = {*top1, *top5, number(stats, "loss")};
  if (const auto map = number(stats, "map")) to[epoch] = detection_epoch(*map);
  if (!top1 && number(stats, "loss"))
    to[epoch] = {.loss = number(stats, "loss"), .detection = true};
}

// Calls add(TYPE, STATS, EPOCH) for every json_stats line, whatever stands before it.
template <class F>
void for_each_line(const std::filesystem::path& path, const F& add) {
  constexpr std::string_view kMark = "json_stats: {";
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.rfind(kMark);  // a killed process leaves a line without its end
    if (at == std::string::npos || line.find("\"_type\"", at) == std::string::npos) continue;
    const json stats = json::parse(line.substr(at + kMark.size() - 1), nullptr, false);
    if (!stats.is_object() || !stats.contains("_type") || !stats["_type"].is_string()) continue;
    const bool detection = stats.contains("cur_epoch");
    if (const auto epoch = fraction(stats, detection ? "cur_epoch" : "epoch"))
      add(stats["_type"].get_ref<const std::string&>(), stats, epoch->first - 1);
  }
}

double lowest(const std::map<int64_t, TrainingHistory::Epoch>& epochs,
              double TrainingHistory::Epoch::*error) {
  double least = kWorst;
  for (const auto& [number, epoch] : epochs) least = std::min(least, epoch.*error);
  return least;
}

}  // namespace

TrainingHistory::Epoch detection_epoch(double map) {
  return {.top1_error = 100 * (1 - map), .top5_error = 0, .detection = true};
}

double TrainingHistory::min_top1_error() const { return lowest(validation, &Epoch::top1_error); }
double TrainingHistory::min_top5_error() const { return lowest(validation, &Epoch::top5_error); }

TrainingHistory read_history(const std::filesystem::path& output_dir, int64_t epochs,
                             int64_t iterations) {
  TrainingHistory history;
  for_each_line(output_dir / "json_stats.log",
                [&](const std::string& type, const json& stats, int64_t epoch) {
                  if (type == "train_epoch") read_epoch(stats, epoch, history.training);
                  if (type == "val_epoch") read_epoch(stats, epoch, history.validation);
                });
  for_each_line(output_dir / "stdout.log",
                [&](const std::string& type, const json& stats, int64_t epoch) {
                  if (type == "train_iter_" || type == "train_iter")
                    read_iteration(stats, epoch, history);
                });
  const auto later = [&](const auto& entry) { return entry.first >= epochs; };
  std::erase_if(history.training, later);
  std::erase_if(history.validation, later);
  std::erase_if(history.iterations,
                [&](const auto& entry) { return entry.first >= std::pair(epochs, iterations); });
  return history;
}

}  // namespace sf
