#include "dist/gloo_error_exit.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gloo/common/error.h>
#include <gloo/common/logging.h>

#include "dist/gloo_mesh.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

std::mutex mutex;
std::vector<ControlConnection*> connections;  // of the ranks in this process
std::terminate_handler terminate_otherwise = nullptr;

// Why this thread ends, if Gloo threw it.
std::optional<std::string> gloo_error() {
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
  } catch (const gloo::Exception& e) { return reason_of(e); } catch (const gloo::EnforceNotMet& e) {
    return reason_of(e);
  } catch (...) {}
  return std::nullopt;
}

[[noreturn]] void end_process() {
  if (const auto reason = gloo_error()) {
    const std::lock_guard lock(mutex);  // for good: nobody else ends the process meanwhile
    if (!connections.empty()) {
      ControlConnection& control = *connections.back();
      const std::string own = cat("lost the connection to another rank: ", *reason);
      if (control.await_verdict({}).empty()) control.fail(own);
      const std::string line = control.verdict();
      std::fprintf(stderr, "sf: %s\n", line.empty() ? own.c_str() : line.c_str());
      std::_Exit(1);
    }
  }
  if (terminate_otherwise) terminate_otherwise();
  std::abort();
}

}  // namespace

GlooErrorExit::GlooErrorExit(std::shared_ptr<ControlConnection> control)
    : control_(std::move(control)) {
  const std::lock_guard lock(mutex);
  if (connections.empty()) terminate_otherwise = std::set_terminate(end_process);
  connections.push_back(control_.get());
}

GlooErrorExit::~GlooErrorExit() {
  const std::lock_guard lock(mutex);
  std::erase(connections, control_.get());
  if (connections.empty()) std::set_terminate(terminate_otherwise);
}

}  // namespace sf
