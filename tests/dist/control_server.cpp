// What else may come to the port of a job, and what becomes of it: nothing.
#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/control/server.h"
#include "dist/run_rank.h"
#include "kernels/base/error.h"
#include "tests/dist/ports.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

void send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // it has hung up, as it may
    bytes.remove_prefix(size_t(sent));
  }
}

// All that the server answers until it hangs up.
std::string answer(int connection) {
  std::string text;
  char bytes[4096];
  for (ssize_t n; (n = recv(connection, bytes, sizeof bytes, 0)) > 0;)
    text.append(bytes, size_t(n));
  close(connection);
  return text;
}

std::string repeated(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string hello(int rank, int size) {
  return cat(R"({"kind":"hello","token":"","rank":)", rank, R"(,"size":)", size,
             R"(,"host":"h","process":1,"build":"1","configuration":""})", "\n");
}

// What one is told that says hello.
std::string answer_to(const std::string& text, const ControlServer& server) {
  const int connection = connect_to(server.port());
  send_all(connection, text);
  return answer(connection);
}

const std::string kHostile[] = {
    "\n",
    std::string("\0\xff\xfe\x80garbage\n", 12),
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "null\n",
    "[]\n",
    "{}\n",
    "{\"kind\":\"hello\"}\n",
    "{\"kind\":\"hello\",\"token\":7}\n",
    "{\"kind\":7}\n",
    "{\"kind\":\"status\",\"groups\":{}}\n",
    "{\"kind\":\"leave\",\"groups\":{}}\n",
    R"({"kind":"hello","token":"","rank":1e300,"size":2,"host":"h","process":1,"build":"1","configuration":""}
)",
    R"({"kind":"hello","token":"","rank":-1,"size":2,"host":"h","process":1,"build":"1","configuration":""}
)",
    R"({"kind":"hello","token":"","rank":18446744073709551615,"size":2,"host":"h","process":1,"build":"1","configuration":""}
)",
    R"({"kind":"hello","token":"another job's","rank":1,"size":2,"host":"h","process":1,"build":"1","configuration":""}
)",
    "{\"kind\":\"hel\xc3\x28lo\"}\n",
    repeated("[", 1 << 20) + "\n",
    repeated("{\"a\":", 1 << 18) + "\n",
    repeated("x", 6 << 20),
};

TEST(ControlServer, HostileBytesEndTheirConnectionAlone) {
  const HangGuard guard;
  const int port = free_port();
  const auto join = [&](int rank) {
    run_rank({.rank = rank, .size = 2, .address = cat("tcp://127.0.0.1:", port)},
             {.build = "1", .configuration = "", .timeout = 20s, .log = {}},
             [&](const auto& group) {
               // Half messages that never end, all through the job.
               if (rank == 1)
                 for (int i = 0; i < 3; ++i) send_all(connect_to(port), "{\"kind\":");
               for (const std::string& bytes : kHostile) {
                 if (rank == 1) {
                   const int connection = connect_to(port);
                   send_all(connection, bytes);
                   EXPECT_EQ(answer(connection), "") << bytes.substr(0, 80);
                 }
                 double value = 1;
                 group->all_reduce({&value, 1, DType::f64});
                 EXPECT_EQ(value, 2);
               }
             });
  };
  std::thread first([&] { join(0); });
  // While rank 1 is awaited, too.
  for (;;) {
    try {
      for (const std::string& bytes : kHostile) {
        const int connection = connect_to(port);
        send_all(connection, bytes);
        answer(connection);
      }
      break;
    } catch (const Error&) { std::this_thread::sleep_for(10ms); }  // not listening yet
  }
  join(1);
  first.join();
}

TEST(ControlServer, SlowClientsAreWaitedFor) {
  const HangGuard guard;
  ControlServer server({.leader = {.rank = 0, .size = 2, .build = "1"}, .timeout = 20s});
  const int connection = connect_to(server.port());
  for (const char byte : hello(2, 3)) {
    send_all(connection, std::string_view(&byte, 1));
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_NE(answer(connection).find("rank 2 (h, process 1) wants 3 ranks, rank 0 wants 2"),
            std::string::npos);
  // finish() waits for the ranks that are still to come.
  for (const int rank : {0, 1})
    EXPECT_NE(answer_to(hello(rank, 2), server).find("wants 3 ranks"), std::string::npos);
  EXPECT_EQ(server.finish(), "process group: rank 2 (h, process 1) wants 3 ranks, rank 0 wants 2");
}

TEST(ControlServer, ManyStrangersAreNotLetIn) {
  const HangGuard guard;
  ControlServer server({.leader = {.rank = 0, .size = 2, .build = "1"}, .timeout = 20s});
  std::vector<int> connections;
  for (int i = 0; i < 100; ++i) connections.push_back(connect_to(server.port()));
  // The last is hung up on at once; the first may still say who it is.
  EXPECT_EQ(answer(connections.back()), "");
  connections.pop_back();
  send_all(connections[0], hello(0, 3));
  EXPECT_NE(answer(connections[0]).find("verdict"), std::string::npos);
  for (size_t i = 1; i < connections.size(); ++i) close(connections[i]);
}

TEST(ControlServer, ABrokenMessageOfARankEndsTheJob) {
  const HangGuard guard;
  ControlServer server({.leader = {.rank = 0, .size = 2, .build = "1"}, .timeout = 20s});
  const int connection = connect_to(server.port());
  send_all(connection, hello(1, 2));
  send_all(connection, R"({"kind":"status","groups":{"all":{"first":0,"size":3,"number":1,)"
                       R"("operation":"barrier","waiting":true}}})"
                       "\n");
  EXPECT_EQ(answer(connection), "");
  EXPECT_NE(answer_to(hello(0, 2), server).find("is gone"), std::string::npos);
  EXPECT_EQ(server.finish(), "process group: rank 1 of 2 (h, process 1) is gone");
}

TEST(ControlServer, AnExtraProcessDoesNotDisturbARunningJob) {
  const HangGuard guard;
  const int port = free_port();
  const auto join = [&](int rank) {
    run_rank(
        {.rank = rank, .size = 2, .address = cat("tcp://127.0.0.1:", port)},
        {.build = "1", .configuration = "", .timeout = 20s, .log = {}}, [&](const auto& group) {
          if (rank == 0) {
            const int connection = connect_to(port);
            send_all(connection, hello(1, 2));
            EXPECT_NE(answer(connection).find("two processes are rank 1 of 2"), std::string::npos);
          }
          group->barrier();
        });
  };
  std::thread first([&] { join(0); });
  join(1);
  first.join();
}

}  // namespace
}  // namespace sf
