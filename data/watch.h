// The time limit of a reader's calls.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>

#include "kernels/base/error.h"

namespace sf {

// Ends calls that take too long or are no longer wanted.
class Watch {
 public:
  Watch(double seconds, std::stop_token cancel) : seconds_(seconds), cancel_(std::move(cancel)) {
    restart();
  }

  void restart() { start_ = std::chrono::steady_clock::now(); }
  bool expired() const { return cancel_.stop_requested() || elapsed() > seconds_; }
  void check(const std::string& path) const {
    SF_CHECK(!cancel_.stop_requested(), path, ": reading was cancelled");
    SF_CHECK(elapsed() <= seconds_, path, ": decoding took longer than ", seconds_, " seconds");
  }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  double seconds_;
  std::stop_token cancel_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace sf
