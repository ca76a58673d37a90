#include "apps/brief_waits.h"

#include <array>
#include <cstdlib>

#include <unistd.h>

#include "kernels/base/processors.h"

namespace sf {
namespace {

constexpr std::array kVariables{"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"};

// Turns of libgomp's loop, each with a pause instruction; its default is 300000. A training beside
// its loaders took 8 to 19 % less time with 3000 to 50000, 6 % less with none.
constexpr char kTurns[] = "10000";

}  // namespace

void wait_briefly(char** argv) {
  if (!how_threads_wait().empty() || setenv(kVariables[0], kTurns, 0) != 0) return;
  const OnAllProcessors anywhere;
  execv("/proc/self/exe", argv);
  unsetenv(kVariables[0]);  // it did not begin anew: nothing has read this
}

std::string how_threads_wait() {
  for (const char* name : kVariables)
    if (const char* value = std::getenv(name)) return std::string(name) + '=' + value;
  return {};
}

}  // namespace sf
