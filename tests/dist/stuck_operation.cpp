// What no one can end but the process.
#include <chrono>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "dist/control/connection.h"
#include "dist/control/server.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

// Rank 1 hangs up while rank 0 is in an operation that does not look at the verdict.
void be_stuck() {
  const auto member = [](int rank) { return Member{rank, 2, "host", 1, "build", ""}; };
  const ControlServer server({.host = "127.0.0.1", .leader = member(0), .timeout = 1h});
  const auto join = [&](int rank) {
    return std::make_unique<ControlConnection>(ControlConnection::Options{
        Rendezvous::parse(cat("tcp://127.0.0.1:", server.port())), member(rank), 1h, {}});
  };
  auto second = std::async(std::launch::async, join, 1);
  const auto first = join(0);
  const ControlConnection::Operation operation(*first, "all", {0, 2, 1, "barrier", true});
  second.get().reset();
  std::this_thread::sleep_for(60s);
}

TEST(StuckOperationSlow, EndsTheProcessWithTheLineOfTheJob) {
  EXPECT_EXIT(be_stuck(), testing::ExitedWithCode(1),
              "^sf: process group: rank 1 of 2 .*is gone; rank 0 was in barrier");
}

}  // namespace
}  // namespace sf
