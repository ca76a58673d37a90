#include "kernels/base/warning.h"

#include <cstdio>
#include <mutex>
#include <utility>

namespace sf {
namespace {

std::mutex mutex;

WarningListener& listener() {
  static WarningListener f = [](const std::string& text) {
    std::fprintf(stderr, "sf: warning: %s\n", text.c_str());
  };
  return f;
}

}  // namespace

void warn(const std::string& text) {
  const std::lock_guard lock(mutex);
  listener()(text);
}

WarningListener listen_to_warnings(WarningListener next) {
  const std::lock_guard lock(mutex);
  return std::exchange(listener(), std::move(next));
}

}  // namespace sf
