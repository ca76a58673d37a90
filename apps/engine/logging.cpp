#include "apps/engine/logging.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "kernels/base/error.h"

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

}  // namespace

void start_log(const std::filesystem::path& output_dir) {
  std::error_code error;
  std::filesystem::create_directories(output_dir, error);
  SF_CHECK(!error, "OUTPUT_DIR: cannot create '", output_dir.string(), "': ", error.message());
  try {
    std::vector<spdlog::sink_ptr> sinks{
        std::make_shared<spdlog::sinks::stdout_sink_mt>(),
        std::make_shared<spdlog::sinks::basic_file_sink_mt>((output_dir / "stdout.log").string())};
    auto logger = std::make_shared<spdlog::logger>("sf", sinks.begin(), sinks.end());
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<UpperLevel>('*').set_pattern("[%m/%d %H:%M:%S][%*] %s: %3#: %v");
    logger->set_formatter(std::move(formatter));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(logger);
  } catch (const spdlog::spdlog_ex& e) { throw Error(cat("OUTPUT_DIR: ", e.what())); }
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
