// What the code under test logs.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "apps/engine/logging.h"

namespace sf {

// Takes the place of the log while it lives.
class LogLines {
 public:
  LogLines() : former_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_pattern("%l: %v", spdlog::pattern_time_type::local);
    spdlog::set_default_logger(logger);
  }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;
  ~LogLines() { spdlog::set_default_logger(former_); }

  // "info: message" each, since the last call. While no other thread logs.
  std::vector<std::string> take() {
    auto lines = split_lines(text_.str());
    text_.str("");
    return lines;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> former_;
};

}  // namespace sf
