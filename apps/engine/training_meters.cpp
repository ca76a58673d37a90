#include "apps/engine/training_meters.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "data/metrics.h"
#include "kernels/base/error.h"
#include "kernels/base/machine.h"
#include "tensor/bounded_json.h"

namespace sf {
namespace {

using nlohmann::json;

constexpr size_t kLossesBefore = 5;  // that a loss is held against

std::string gib(double value) { return fmt::format("{:.2f}G", value); }

std::string ram(const MemoryUse& memory) {
  return fmt::format("{:.2f}/{:.2f}G", memory.ram, memory.ram_total);
}

std::string part(int64_t index, int64_t count) { return fmt::format("{}/{}", index + 1, count); }

int64_t log_period(const Config& config) {
  const auto period = config.get<int64_t>("LOG_PERIOD");
  SF_CHECK(period > 0, "LOG_PERIOD: wanted at least 1, found ", period);
  return period;
}

json list(const RecentValues& window) {
  return std::vector<double>(window.values().begin(), window.values().end());
}

double number(const json& value) {
  SF_CHECK(value.is_number(), "meter: wanted a number, found ", value.type_name());
  return value.get<double>();
}

// The keys that lines of a network that detects have.
void make_detection(JsonStats& stats, const char* type) {
  stats["_type"] = type;
  stats["mode"] = "train";
  for (const auto& [from, to] : {std::pair("epoch", "cur_epoch"), std::pair("iter", "cur_iter")})
    if (auto node = stats.extract(from)) {
      node.key() = to;
      stats.insert(std::move(node));
    }
  stats.erase("top1_err");
  stats.erase("top5_err");
}

void fill(RecentValues& window, const json& values) {
  SF_CHECK(values.is_array(), "meter: wanted a list, found ", values.type_name());
  window.clear();
  for (const json& value : values) window.add(number(value));
}

}  // namespace

MemoryUse memory_use() {
  constexpr double kGiB = 1 << 30;
  const double total = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGESIZE));
  return {.gpu = double(Storage::peak_cuda_bytes()) / kGiB,
          .ram = (total - double(available_memory_bytes())) / kGiB,
          .ram_total = total / kGiB};
}

RecentValues::RecentValues(int64_t size) : size_(size_t(size)) {}

void RecentValues::add(double value) {
  values_.push_back(value);
  if (values_.size() > size_) values_.pop_front();
}

double RecentValues::median() const {
  std::vector<double> sorted(values_.begin(), values_.end());
  if (sorted.empty() || std::ranges::any_of(sorted, [](double v) { return std::isnan(v); }))
    return std::numeric_limits<double>::quiet_NaN();
  std::ranges::sort(sorted);
  const size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

TrainMeter::TrainMeter(const Config& config, int64_t epoch_iterations, TrainingHistory& history)
    : output_dir_(config.get<std::string>("OUTPUT_DIR")),
      log_period_(log_period(config)),
      max_epoch_(config.get<int64_t>("SOLVER.MAX_EPOCH")),
      epoch_iterations_(epoch_iterations),
      detection_(config.get<bool>("DETECTION.ENABLE")),
      explosion_factor_(config.get<double>("TRAIN.KILL_LOSS_EXPLOSION_FACTOR")),
      history_(history),
      losses_(log_period_),
      top1_(log_period_),
      top5_(log_period_) {}

void TrainMeter::add(const Iteration& it) {
  const auto clips = double(it.clips);
  losses_.add(it.loss);
  top1_.add(it.errors.top1);
  top5_.add(it.errors.top5);
  last_ = it;
  ++iterations_;
  clips_ += it.clips;
  loss_sum_ += it.loss * clips;
  top1_sum_ += it.errors.top1 * clips;
  top5_sum_ += it.errors.top5 * clips;
  seconds_ += it.seconds;
  data_seconds_ += it.data_seconds;
  network_seconds_ += it.network_seconds;

  const auto& window = losses_.values();
  if (explosion_factor_ <= 0 || window.size() < kLossesBefore + 2) return;
  double before = 0;
  for (size_t i = window.size() - 1 - kLossesBefore; i + 1 < window.size(); ++i)
    before += window[i];
  if (it.loss > explosion_factor_ * before / double(kLossesBefore))
    throw Error(fmt::format("ERROR: Got Loss explosion of {} {:%Y-%m-%d %H:%M:%S}", it.loss,
                            fmt::localtime(std::time(nullptr))));
}

std::string TrainMeter::eta(double seconds, int64_t iterations_done) const {
  return format_duration(seconds * double(max_epoch_ * epoch_iterations_ - iterations_done));
}

void TrainMeter::log_iteration(int64_t epoch, int64_t iteration, const MemoryUse& memory) {
  if ((iteration + 1) % log_period_ != 0) return;
  const double loss = losses_.median();
  const double share = double(iteration + 1) / double(epoch_iterations_);
  history_.iterations[{epoch, iteration}] = {.epochs = double(epoch) + share, .loss = loss};
  JsonStats stats{{"_type", "train_iter_"},
                  {"epoch", part(epoch, max_epoch_)},
                  {"iter", part(iteration, epoch_iterations_)},
                  {"dt", last_.seconds},
                  {"dt_data", last_.data_seconds},
                  {"dt_net", last_.network_seconds},
                  {"eta", eta(last_.seconds, epoch * epoch_iterations_ + iteration + 1)},
                  {"loss", loss},
                  {"lr", last_.learning_rate},
                  {"grad_norm", last_.gradient_norm},
                  {"gpu_mem", gib(memory.gpu)},
                  {"top1_err", top1_.median()},
                  {"top5_err", top5_.median()}};
  if (detection_) make_detection(stats, "train_iter");
  SF_LOG("{}", format_json_stats(stats));
}

void TrainMeter::log_epoch(int64_t epoch, const MemoryUse& memory) {
  const auto iterations = double(std::max<int64_t>(iterations_, 1));
  const auto clips = double(std::max<int64_t>(clips_, 1));
  const TrainingHistory::Epoch means{top1_sum_ / clips, top5_sum_ / clips, loss_sum_ / clips};
  const double seconds = seconds_ / iterations;
  history_.training[epoch] = means;
  history_.training[epoch].detection = detection_;
  JsonStats stats{{"_type", "train_epoch"},
                  {"epoch", part(epoch, max_epoch_)},
                  {"dt", seconds},
                  {"dt_data", data_seconds_ / iterations},
                  {"dt_net", network_seconds_ / iterations},
                  {"eta", eta(seconds, (epoch + 1) * epoch_iterations_)},
                  {"lr", last_.learning_rate},
                  {"grad_norm", last_.gradient_norm},
                  {"gpu_mem", gib(memory.gpu)},
                  {"RAM", ram(memory)},
                  {"top1_err", means.top1_error},
                  {"top5_err", means.top5_error},
                  {"loss", *means.loss}};
  if (detection_) make_detection(stats, "train_epoch");
  log_epoch_stats(stats, output_dir_);
  losses_.clear();
  top1_.clear();
  top5_.clear();
  last_ = {};
  iterations_ = clips_ = 0;
  loss_sum_ = top1_sum_ = top5_sum_ = 0;
  seconds_ = data_seconds_ = network_seconds_ = 0;
}

std::string TrainMeter::state() const {
  return json{{"losses", list(losses_)},
              {"top1", list(top1_)},
              {"top5", list(top5_)},
              {"iterations", iterations_},
              {"clips", clips_},
              {"sums", {loss_sum_, top1_sum_, top5_sum_}},
              {"seconds", {seconds_, data_seconds_, network_seconds_}}}
      .dump();
}

void TrainMeter::restore(const std::string& state) {
  const json all = parse_bounded_json(state, "meter");
  for (const char* key : {"losses", "top1", "top5", "iterations", "clips", "sums", "seconds"})
    SF_CHECK(all.is_object() && all.contains(key), "meter: wanted '", key, "', found none");
  const auto three = [&](const char* key, double& a, double& b, double& c) {
    const json& values = all[key];
    SF_CHECK(values.is_array() && values.size() == 3, "meter: wanted 3 values of '", key, "'");
    a = number(values[0]);
    b = number(values[1]);
    c = number(values[2]);
  };
  fill(losses_, all["losses"]);
  fill(top1_, all["top1"]);
  fill(top5_, all["top5"]);
  iterations_ = int64_t(number(all["iterations"]));
  clips_ = int64_t(number(all["clips"]));
  three("sums", loss_sum_, top1_sum_, top5_sum_);
  three("seconds", seconds_, data_seconds_, network_seconds_);
}

void log_detection_epoch(const Config& config, int64_t epoch, double map, const MemoryUse& memory,
                         TrainingHistory& history) {
  history.validation[epoch] = detection_epoch(map);
  log_epoch_stats({{"_type", "val_epoch"},
                   {"cur_epoch", part(epoch, config.get<int64_t>("SOLVER.MAX_EPOCH"))},
                   {"mode", "val"},
                   {"map", map},
                   {"gpu_mem", gib(memory.gpu)},
                   {"RAM", ram(memory)}},
                  config.get<std::string>("OUTPUT_DIR"));
}

ValMeter::ValMeter(const Config& config, int64_t iterations, TrainingHistory& history)
    : output_dir_(config.get<std::string>("OUTPUT_DIR")),
      log_period_(log_period(config)),
      max_epoch_(config.get<int64_t>("SOLVER.MAX_EPOCH")),
      iterations_(iterations),
      history_(history),
      top1_(log_period_),
      top5_(log_period_) {}

void ValMeter::add(TopErrors errors, int64_t clips, double seconds) {
  top1_.add(errors.top1);
  top5_.add(errors.top5);
  clips_ += clips;
  top1_sum_ += errors.top1 * double(clips);
  top5_sum_ += errors.top5 * double(clips);
  last_seconds_ = seconds;
  seconds_ += seconds;
}

void ValMeter::log_iteration(int64_t epoch, int64_t iteration, const MemoryUse& memory) {
  if ((iteration + 1) % log_period_ != 0) return;
  const double left = last_seconds_ * double(iterations_ - iteration - 1);
  SF_LOG("{}", format_json_stats({{"_type", "val_iter"},
                                  {"epoch", part(epoch, max_epoch_)},
                                  {"iter", part(iteration, iterations_)},
                                  {"time_diff", last_seconds_},
                                  {"eta", format_duration(left)},
                                  {"gpu_mem", gib(memory.gpu)},
                                  {"top1_err", top1_.median()},
                                  {"top5_err", top5_.median()}}));
}

TopErrors ValMeter::log_epoch(int64_t epoch, const MemoryUse& memory) {
  const auto clips = double(std::max<int64_t>(clips_, 1));
  const TopErrors errors{top1_sum_ / clips, top5_sum_ / clips};
  history_.validation[epoch] = {errors.top1, errors.top5};
  log_epoch_stats({{"_type", "val_epoch"},
                   {"epoch", part(epoch, max_epoch_)},
                   {"time_diff", seconds_},
                   {"gpu_mem", gib(memory.gpu)},
                   {"RAM", ram(memory)},
                   {"top1_err", errors.top1},
                   {"top5_err", errors.top5},
                   {"min_top1_err", history_.min_top1_error()},
                   {"min_top5_err", history_.min_top5_error()}},
                  output_dir_);
  top1_.clear();
  top5_.clear();
  clips_ = 0;
  top1_sum_ = top5_sum_ = last_seconds_ = seconds_ = 0;
  return errors;
}

}  // namespace sf
