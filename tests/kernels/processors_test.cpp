// Where threads run that OpenMP did not start.
#include "kernels/base/processors.h"

#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

int count(const cpu_set_t& processors) { return CPU_COUNT(&processors); }

cpu_set_t of_a_thread(void (*first)()) {
  cpu_set_t processors;
  std::thread([&] {
    first();
    sched_getaffinity(0, sizeof(processors), &processors);
  }).join();
  return processors;
}

// In a process of its own, as OpenMP binds its thread before main().
constexpr const char* kGiven = "SF_TEST_PROCESSORS";

TEST(Processors, AreThoseOfTheProcessWhereThreadsAreBound) {
  const char* given = std::getenv(kGiven);
  if (!given) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    const std::string command =
        cat("env OMP_PROC_BIND=true ", kGiven, "=", processor_count(), " ", self,
            " --gtest_filter=Processors.AreThoseOfTheProcessWhereThreadsAreBound >&2");
    EXPECT_EQ(std::system(command.c_str()), 0);
    return;
  }
  cpu_set_t main_thread;
  sched_getaffinity(0, sizeof(main_thread), &main_thread);
  EXPECT_EQ(count(main_thread), 1);
  EXPECT_EQ(processor_count(), std::atoi(given));
  EXPECT_EQ(count(of_a_thread([] {})), 1);
  EXPECT_EQ(count(of_a_thread(run_on_all_processors)), std::atoi(given));

  for (const int processes : {1, 2, 3, 1000}) {
    int shares = 0;
    for (int process = 0; process < processes; ++process)
      shares += count(processors_of(process, processes));
    const bool enough = processes <= processor_count();
    EXPECT_EQ(shares, enough ? processor_count() : processes * processor_count());
  }
}

TEST(Processors, AreAllForEachProcessWhereThreadsAreFree) {
  if (std::getenv("OMP_PROC_BIND")) GTEST_SKIP() << "OMP_PROC_BIND is set";
  EXPECT_GE(processor_count(), 1);
  for (int process = 0; process < 2; ++process)
    EXPECT_EQ(count(processors_of(process, 2)), processor_count());
}

}  // namespace
}  // namespace sf
