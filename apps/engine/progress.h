// A progress bar on stderr for long work.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sf {

// Draws only on a terminal. One thread.
class ProgressBar {
 public:
  ProgressBar(std::string what, std::string unit, int64_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(int64_t count);
  double seconds() const;
  // Units a second since the start; 0 before the first.
  double rate() const;
  // Expected time to the end.
  double eta_seconds() const;
  // Takes the bar off the screen so that a log line can be printed.
  void clear() const;

 private:
  void draw() const;

  std::string what_, unit_;
  int64_t total_, done_ = 0;
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace sf
