// Where threads run that OpenMP did not start.
#include "kernels/base/processors.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

int count(const cpu_set_t& processors) { return CPU_COUNT(&processors); }

cpu_set_t of_this_thread() {
  cpu_set_t processors;
  sched_getaffinity(0, sizeof(processors), &processors);
  return processors;
}

cpu_set_t of_a_new_thread() {
  cpu_set_t processors;
  std::thread([&] { processors = of_this_thread(); }).join();
  return processors;
}

// In a process of its own, as OpenMP binds its thread before main().
constexpr const char* kGiven = "SF_TEST_PROCESSORS";

TEST(Processors, AreThoseOfTheProcessWhereThreadsAreBound) {
#ifndef _OPENMP
  GTEST_SKIP() << "built without OpenMP";
#endif
  const char* given = std::getenv(kGiven);
  if (!given) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    const std::string command =
        cat("env -u GTEST_TOTAL_SHARDS -u OMP_PLACES OMP_PROC_BIND=true ", kGiven, "=",
            processor_count(), " ", self,
            " --gtest_filter=Processors.AreThoseOfTheProcessWhereThreadsAreBound >&2");
    const OnAllProcessors anywhere;  // what it is given
    EXPECT_EQ(std::system(command.c_str()), 0);
    return;
  }
  EXPECT_EQ(count(of_this_thread()), 1);
  EXPECT_EQ(processor_count(), std::atoi(given));
  EXPECT_EQ(count(of_a_new_thread()), 1);
  {
    const OnAllProcessors anywhere;
    EXPECT_EQ(count(of_this_thread()), std::atoi(given));
    EXPECT_EQ(count(of_a_new_thread()), std::atoi(given));
  }
  EXPECT_EQ(count(of_this_thread()), 1);

  for (const int processes : {1, 2, 3, 1000}) {
    int shares = 0;
    cpu_set_t used;
    CPU_ZERO(&used);
    for (int process = 0; process < processes; ++process) {
      const cpu_set_t share = processors_of(process, processes);
      shares += count(share);
      CPU_OR(&used, &used, &share);
    }
    EXPECT_EQ(shares, std::max(processes, processor_count()));
    EXPECT_EQ(count(used), processor_count());
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
