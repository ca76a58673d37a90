// The log of a run: lines as PySlowFast writes them, on stdout and in OUTPUT_DIR/stdout.log.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <spdlog/spdlog.h>

namespace sf {

// "[11/24 09:15:02][INFO] tester.cpp:  42: message". Warnings of the engine
// (kernels/base/warning.h) are lines of it too. Throws if the file cannot be opened.
void start_log(const std::filesystem::path& output_dir);

// Throws if a line since start_log could not be written to the file. Logging itself goes on then,
// on stdout and, as soon as there is room again, in the file.
void check_log();

// While it lives, its thread logs nothing and shows no progress: of processes that work together
// one tells what they do. Scopes of one thread nest.
class QuietThread {
 public:
  explicit QuietThread(bool quiet = true);
  ~QuietThread();
  QuietThread(const QuietThread&) = delete;
  QuietThread& operator=(const QuietThread&) = delete;

 private:
  bool former_;
};
bool is_quiet_thread();

// Values of a json_stats line; numbers are printed with five decimals.
using JsonStats = std::map<std::string, std::variant<std::string, double>>;

// "json_stats: {...}" with sorted keys.
std::string format_json_stats(const JsonStats& stats);
// That line to the log and, behind the others, to output_dir/json_stats.log; nothing on a quiet
// thread. Work does not end because a line cannot be kept: that is a warning.
void log_epoch_stats(const JsonStats& stats, const std::filesystem::path& output_dir);

// "0:01:05" or "2 days, 0:01:05", as Python prints a timedelta of whole seconds.
std::string format_duration(double seconds);

// The lines of a text, without their ends.
std::vector<std::string> split_lines(const std::string& text);

}  // namespace sf

#define SF_LOG(...) (sf::is_quiet_thread() ? void() : SPDLOG_INFO(__VA_ARGS__))
#define SF_WARN(...) (sf::is_quiet_thread() ? void() : SPDLOG_WARN(__VA_ARGS__))
#define SF_ERROR(...) (sf::is_quiet_thread() ? void() : SPDLOG_ERROR(__VA_ARGS__))
