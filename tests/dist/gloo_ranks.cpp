#include "tests/dist/gloo_ranks.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "kernels/base/error.h"

namespace sf {

std::string fresh_address() {
  static std::atomic<int> count{0};
  return cat("file://", testing::TempDir(), "rendezvous.", getpid(), ".", ++count);
}

std::vector<std::string> gloo_rank_errors(
    int ranks, const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work,
    std::chrono::milliseconds timeout) {
  const std::string address = fresh_address();
  std::vector<std::string> errors(size_t(ranks), "");
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      try {
        run_rank({.rank = rank,
                  .size = ranks,
                  .local_rank = rank,
                  .local_size = ranks,
                  .address = address},
                 {.build = "test", .configuration = "A: 1\n", .timeout = timeout, .log = {}}, work);
      } catch (const std::exception& e) { errors[size_t(rank)] = e.what(); }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

void run_gloo_ranks(int ranks,
                    const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work) {
  EXPECT_EQ(gloo_rank_errors(ranks, work), std::vector<std::string>(size_t(ranks)));
}

}  // namespace sf
