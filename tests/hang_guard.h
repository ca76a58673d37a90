// For tests of what must not hang.
#pragma once

#include <unistd.h>

namespace sf {

// A hang fails the test that it happens in: after a minute the program ends.
class HangGuard {
 public:
  HangGuard() { alarm(60); }
  HangGuard(const HangGuard&) = delete;
  HangGuard& operator=(const HangGuard&) = delete;
  ~HangGuard() { alarm(0); }
};

}  // namespace sf
