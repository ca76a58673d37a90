#include "apps/engine/progress.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/engine/logging.h"

namespace sf {

ProgressBar::ProgressBar(std::string what, std::string unit, int64_t total)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(std::max<int64_t>(total, 1)),
      terminal_(!is_quiet_thread() && isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::advance(int64_t count) {
  done_ += count;
  draw();
}

double ProgressBar::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

double ProgressBar::rate() const {
  return done_ == 0 ? 0 : double(done_) / std::max(seconds(), 1e-9);
}

double ProgressBar::eta_seconds() const { return done_ == 0 ? 0 : double(total_ - done_) / rate(); }

void ProgressBar::clear() const {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::draw() const {
  if (!terminal_) return;
  constexpr int64_t kWidth = 30;
  const int64_t filled = std::min(kWidth, kWidth * done_ / total_);
  fmt::print(stderr, "\r{} [{}{}] {}/{} {}, {:.1f} {}/s, {} left\033[K", what_,
             std::string(size_t(filled), '='), std::string(size_t(kWidth - filled), ' '), done_,
             total_, unit_, rate(), unit_, format_duration(eta_seconds()));
  std::fflush(stderr);
}

}  // namespace sf
