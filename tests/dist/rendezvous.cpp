// Jobs that cannot start: each rank says why, within the time-out.
#include "dist/rendezvous.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/run_rank.h"
#include "kernels/base/error.h"
#include "tests/dist/gloo_ranks.h"
#include "tests/dist/ports.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

struct Comer {
  int rank = 0, size = 2;
  std::string address;
  std::string build = "1.0", configuration = "A: 1\nB: 2\n";
  std::chrono::milliseconds timeout = 10s;
};

// What each of them throws; "" for one that meets the others.
std::vector<std::string> meet(const std::vector<Comer>& comers) {
  std::vector<std::string> errors(comers.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < comers.size(); ++i)
    threads.emplace_back([&, i] {
      const Comer& c = comers[i];
      try {
        run_rank(
            {.rank = c.rank, .size = c.size, .address = c.address},
            {.build = c.build, .configuration = c.configuration, .timeout = c.timeout, .log = {}},
            [](const auto& group) { group->barrier(); });
      } catch (const std::exception& e) { errors[i] = e.what(); }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

// Process numbers are this one's, machines' names this one's.
std::string without_places(std::string line) {
  char host[256];
  gethostname(host, sizeof host);
  const std::string place = cat(host, ", process ", getpid());
  for (size_t at; (at = line.find(place)) != std::string::npos;)
    line.replace(at, place.size(), "P");
  return line;
}

void expect_all(const std::vector<std::string>& errors, const std::string& wanted) {
  for (const std::string& error : errors) EXPECT_EQ(without_places(error), wanted);
}

std::string tcp(const std::string& host, int port) { return cat("tcp://", host, ":", port); }

TEST(Rendezvous, RanksMeetOverTcp) {
  const HangGuard guard;
  const std::string address = tcp("localhost", free_port());
  expect_all(meet({{.rank = 0, .address = address}, {.rank = 1, .address = address}}), "");
}

TEST(Rendezvous, RanksMeetAtAnAddressOfThisMachine) {
  const HangGuard guard;
  for (const std::string& host : machine_addresses()) {
    const std::string address = tcp(host, free_port());
    expect_all(meet({{.rank = 0, .address = address}, {.rank = 1, .address = address}}), "");
  }
}

TEST(Rendezvous, AStaleFileIsHarmless) {
  const HangGuard guard;
  const std::string address = fresh_address(), path = Rendezvous::parse(address).path;
  // One that leads nowhere, one that leads to something else, one that is broken.
  const int silent = socket(AF_INET, SOCK_STREAM, 0);
  const int port = listen_at_any_port(silent);
  const RendezvousNote notes[] = {{"0", uint16_t(free_port()), {"127.0.0.1"}},
                                  {"0", uint16_t(port), {"127.0.0.1"}}};
  for (const RendezvousNote& note : notes) {
    note.write(path);
    std::vector<std::string> errors;
    std::thread early([&] { errors = meet({{.rank = 1, .address = address}}); });
    std::this_thread::sleep_for(100ms);
    if (note.port == port) close(silent);
    expect_all(meet({{.rank = 0, .address = address}}), "");
    early.join();
    expect_all(errors, "");
  }
  std::ofstream(path) << "garbage";
  expect_all(meet({{.rank = 0, .address = address}, {.rank = 1, .address = address}}), "");
  EXPECT_FALSE(std::ifstream(path).good()) << "the file stays behind";
}

TEST(Rendezvous, AWrongAddressIsNamed) {
  const HangGuard guard;
  const std::string nobody = tcp("127.0.0.1", free_port());
  expect_all(meet({{.rank = 1, .address = nobody, .timeout = 300ms}}),
             cat("process group: rank 1 of 2 finds no rank 0 at ", nobody,
                 " within 0.3 s: Connection refused"));
  // Of a network for documentation: nobody's address.
  expect_all(
      meet({{.rank = 0, .address = "tcp://192.0.2.1:99"}}),
      "process group: rank 0 of 2 cannot listen at tcp://192.0.2.1:99: 192.0.2.1 is no address "
      "of this machine, where rank 0 is");
  const std::string file = fresh_address();
  expect_all(meet({{.rank = 1, .address = file, .timeout = 300ms}}),
             cat("process group: rank 1 of 2 finds no rank 0 at ", file,
                 " within 0.3 s: the file is not there yet"));
  expect_all(meet({{.rank = 0, .address = "file:///nowhere/file"}}),
             "process group: rank 0 of 2 cannot listen at file:///nowhere/file: "
             "file:///nowhere/file: cannot be written: No such file or directory");
  for (const char* text : {"", "tcp://", "tcp://host", "tcp://host:", "tcp://host:0",
                           "tcp://host:65536", "tcp://:1", "file://", "env://"})
    expect_all(meet({{.rank = 1, .address = text}}),
               cat("init_method: wanted tcp://HOST:PORT or file://PATH, found '", text, "'"));
}

TEST(Rendezvous, AnotherProgramAtTheAddressIsNamed) {
  const HangGuard guard;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  const std::string address = tcp("127.0.0.1", listen_at_any_port(server));
  std::atomic<bool> stopped{false};
  std::thread answers([&] {
    const std::string_view answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
    while (true) {
      const int connection = accept(server, nullptr, nullptr);
      if (connection < 0 || stopped) return;
      send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      for (char byte; recv(connection, &byte, 1, 0) > 0;) continue;  // else it might be reset
      close(connection);
    }
  });
  const auto errors = meet({{.rank = 1, .address = address, .timeout = 300ms}});
  stopped = true;
  close(connect_to(Rendezvous::parse(address).port));
  answers.join();
  close(server);
  expect_all(errors, cat("process group: rank 1 of 2 finds no rank 0 at ", address,
                         " within 0.3 s: it says \"HTTP/1.1 400 Bad Request\", which is no message "
                         "of a process group"));
}

TEST(Rendezvous, APortInUseIsNamed) {
  const HangGuard guard;
  const int other = socket(AF_INET, SOCK_STREAM, 0);
  const std::string address = tcp("127.0.0.1", listen_at_any_port(other));
  expect_all(
      meet({{.rank = 0, .address = address}}),
      cat("process group: rank 0 of 2 cannot listen at ", address, ": Address already in use"));
  close(other);
}

TEST(Rendezvous, AMissingRankIsNamed) {
  const HangGuard guard;
  const std::string address = fresh_address();
  expect_all(meet({{.rank = 0, .size = 4, .address = address, .timeout = 500ms},
                   {.rank = 2, .size = 4, .address = address, .timeout = 500ms}}),
             "process group: ranks 1, 3 of 4 did not come within 0.5 s");
}

TEST(Rendezvous, ADoubledRankIsNamed) {
  const HangGuard guard;
  const std::string address = fresh_address();
  const std::string line = "process group: two processes are rank 1 of 3: (P) and (P)";
  std::vector<std::string> errors;
  std::thread others([&] {
    errors = meet(
        {{.rank = 0, .size = 3, .address = address}, {.rank = 1, .size = 3, .address = address}});
  });
  expect_all(meet({{.rank = 1, .size = 3, .address = address}}), line);
  expect_all(meet({{.rank = 2, .size = 3, .address = address}}), line);  // late, told all the same
  others.join();
  expect_all(errors, line);
}

TEST(Rendezvous, ARankOutOfRangeIsNamed) {
  expect_all(meet({{.rank = 2, .address = "tcp://localhost:1"}}),
             "process group: wanted a rank from 0 to 1, found 2");
}

TEST(Rendezvous, OtherNumbersOfRanksAreNamed) {
  const HangGuard guard;
  const std::string address = fresh_address();
  expect_all(meet({{.rank = 0, .size = 2, .address = address},
                   {.rank = 1, .size = 4, .address = address}}),
             "process group: rank 1 (P) wants 4 ranks, rank 0 wants 2");
}

TEST(Rendezvous, AnotherBuildIsNamed) {
  const HangGuard guard;
  const std::string address = fresh_address();
  expect_all(
      meet({{.rank = 0, .address = address}, {.rank = 1, .address = address, .build = "1.1"}}),
      "process group: rank 1 (P) is another build than rank 0: 1.1 instead of 1.0");
}

TEST(Rendezvous, AnotherConfigurationIsNamed) {
  const HangGuard guard;
  const auto errors = [](const std::string& configuration) {
    const std::string address = fresh_address();
    return meet({{.rank = 0, .address = address},
                 {.rank = 1, .address = address, .configuration = configuration}});
  };
  const std::string start = "process group: rank 1 (P) has another configuration than rank 0: ";
  expect_all(errors("A: 1\nB: 3\n"), start + "B: 3 instead of B: 2");
  expect_all(errors("A: 1\n"), start + "nothing instead of B: 2");
  expect_all(errors("A: 1\nB: 2\nC: 1\nD: 1\nE: 1\nF: 1\n"),
             start + "C: 1, D: 1, E: 1 and 1 more instead of nothing");
}

}  // namespace
}  // namespace sf
