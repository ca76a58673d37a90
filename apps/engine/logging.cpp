#include "apps/engine/logging.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "kernels/base/error.h"
#include "kernels/base/warning.h"

namespace sf {
namespace {

// spdlog's levels under Python's names.
class UpperLevel : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    static constexpr std::array<std::string_view, 7> kNames{"DEBUG", "DEBUG",    "INFO", "WARNING",
                                                            "ERROR", "CRITICAL", ""};
    const std::string_view name = kNames[size_t(message.level)];
    out.append(name.data(), name.data() + name.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<UpperLevel>();
  }
};

// Appends lines to a file. What cannot be written does not end what is being logged: the first
// reason is kept.
class LogFile : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // Throws if the file cannot be opened.
  explicit LogFile(const std::filesystem::path& path)
      : path_(path), file_(std::fopen(path.c_str(), "ab"), &std::fclose) {
    SF_CHECK(file_, "OUTPUT_DIR: ", path_.string(),
             ": could not be opened: ", std::generic_category().message(errno));
  }

  void check() {
    const std::lock_guard lock(mutex_);
    SF_CHECK(error_ == 0, "OUTPUT_DIR: ", path_.string(),
             ": could not be written: ", std::generic_category().message(error_));
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    keep(std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size());
  }
  void flush_() override { keep(std::fflush(file_.get()) == 0); }

 private:
  void keep(bool written) {
    if (!written && error_ == 0) error_ = errno;
  }

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  int error_ = 0;
};

std::shared_ptr<LogFile> log_file;  // of the last start_log
thread_local bool quiet_thread = false;

}  // namespace

QuietThread::QuietThread(bool quiet) : former_(quiet_thread) { quiet_thread |= quiet; }
QuietThread::~QuietThread() { quiet_thread = former_; }
bool is_quiet_thread() { return quiet_thread; }

void start_log(const std::filesystem::path& output_dir) {
  std::error_code error;
  std::filesystem::create_directories(output_dir, error);
  SF_CHECK(!error, "OUTPUT_DIR: cannot create '", output_dir.string(), "': ", error.message());
  log_file = std::make_shared<LogFile>(output_dir / "stdout.log");
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<spdlog::sinks::stdout_sink_mt>(), log_file};
  auto logger = std::make_shared<spdlog::logger>("sf", sinks.begin(), sinks.end());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<UpperLevel>('*').set_pattern("[%m/%d %H:%M:%S][%*] %s: %3#: %v");
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
  listen_to_warnings([](const std::string& text) { SF_WARN("{}", text); });
}

void check_log() {
  if (log_file) log_file->check();
}

std::string format_json_stats(const JsonStats& stats) {
  std::string text = "json_stats: {";
  for (const auto& [key, value] : stats) {
    if (text.back() != '{') text += ", ";
    text += nlohmann::json(key).dump() + ": ";
    if (const auto* number = std::get_if<double>(&value))
      text += fmt::format("{:.5f}", *number);
    else
      text += nlohmann::json(std::get<std::string>(value)).dump();
  }
  return text + "}";
}

void log_epoch_stats(const JsonStats& stats, const std::filesystem::path& output_dir) {
  if (is_quiet_thread()) return;
  const std::string line = format_json_stats(stats);
  SF_LOG("{}", line);
  const std::filesystem::path path = output_dir / "json_stats.log";
  std::ofstream file(path, std::ios::app);
  if (!(file << line << '\n').flush()) SF_WARN("{}: a line could not be written", path.string());
}

std::string format_duration(double seconds) {
  const auto whole = int64_t(std::max(0.0, seconds));
  const int64_t days = whole / 86400;
  std::string clock = fmt::format("{}:{:02}:{:02}", whole / 3600 % 24, whole / 60 % 60, whole % 60);
  if (days == 0) return clock;
  return fmt::format("{} day{}, {}", days, days == 1 ? "" : "s", clock);
}

std::vector<std::string> split_lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace sf
