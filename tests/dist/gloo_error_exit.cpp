// Errors on threads whose owner cannot catch them.
#include "dist/gloo_error_exit.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <new>
#include <regex>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/base/error.h"
#include "tests/dist/rank_processes.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

// What the test and its processes both see.
struct Shared {
  sockaddr_in address{};  // that rank 1 listens at
  std::atomic<bool> listening = false, gone = false;

  static Shared& map() {
    void* const memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SF_CHECK(memory != MAP_FAILED, "mmap");
    return *new (memory) Shared;
  }
};

// That of this process's only listening socket, if it has one.
bool find_listening(sockaddr_in& address) {
  for (int fd = 0; fd < 256; ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens) continue;
    size = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) return true;
  }
  return false;
}

// Comes and is gone before the listening process looks.
void connect_and_reset(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  SF_CHECK(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
           "connect");
  const linger reset{1, 0};
  SF_CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0, "setsockopt");
  close(fd);
}

// Rank 1 waits for rank 0's connection; what comes is gone when Gloo's thread asks who it was.
TEST(GlooErrorExit, TellsWhyTheJobEnds) {
  const HangGuard guard;
  Shared& shared = Shared::map();
  RankProcesses ranks(2, 4s, [&](const auto& group, const auto&) {
    if (group->rank() == 0) {
      while (!shared.gone) std::this_thread::sleep_for(1ms);
      group->consecutive(2);
    }
    const std::jthread watching([&] {
      while (!find_listening(shared.address)) {}
      shared.listening = true;
    });
    group->consecutive(2);
  });
  while (!shared.listening) std::this_thread::sleep_for(1ms);
  const pid_t process = ranks.process(1);
  kill(process, SIGSTOP);
  waitpid(process, nullptr, WUNTRACED);
  connect_and_reset(shared.address);
  kill(process, SIGCONT);
  const std::string outcome = ranks.outcome(1);
  EXPECT_TRUE(std::regex_match(
      outcome, std::regex("sf: process group: rank 1 failed: lost the connection to another rank: "
                          ".*getpeername.*")))
      << outcome;
  shared.gone = true;
  EXPECT_EQ(cat("sf: ", ranks.outcome(0)), outcome);
  munmap(&shared, sizeof shared);
}

TEST(GlooErrorExit, LeavesOtherErrorsAlone) {
  const HangGuard guard;
  RankProcesses ranks(2, 1h, [&](const auto& group, const auto&) {
    if (group->rank() == 1) std::thread([] { throw std::runtime_error("clip 7"); }).join();
    group->barrier();
  });
  const std::string outcome = ranks.outcome(1);
  EXPECT_TRUE(outcome.starts_with("signal 6")) << outcome;
  EXPECT_TRUE(ranks.outcome(0).starts_with("process group: rank 1 of 2"));
}

}  // namespace
}  // namespace sf
