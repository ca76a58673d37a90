// What ptxas says of every kernel: no spills, and no stack frame but those listed.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <cxxabi.h>
#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

// Kernels, by a part of their name, that keep something on a stack on purpose, and how much.
const std::map<std::string, int> kIntendedStackBytes{};

struct Usage {
  std::string architecture, kernel;
  int registers = 0, stack_bytes = 0, spill_bytes = 0;
};

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : symbol;
}

// What ptxas -v printed, an entry a kernel and architecture.
std::vector<Usage> parse(const std::string& report) {
  static const std::regex kernel("Compiling entry function '([^']+)' for '([^']+)'"),
      memory("(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads"),
      registers("Used (\\d+) registers");
  std::vector<Usage> all;
  std::istringstream lines(report);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, match, kernel)) {
      all.push_back({.architecture = match[2], .kernel = demangled(match[1])});
    } else if (all.empty()) {
      continue;
    } else if (std::regex_search(line, match, memory)) {
      // Functions that are not inlined follow their kernel.
      all.back().stack_bytes += std::stoi(match[1]);
      all.back().spill_bytes += std::stoi(match[2]) + std::stoi(match[3]);
    } else if (std::regex_search(line, match, registers)) {
      all.back().registers = std::stoi(match[1]);
    }
  }
  return all;
}

std::string output_of(const std::string& command, int& status) {
  std::string text;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), n);
  status = pclose(pipe);
  return text;
}

int intended_stack_bytes(const std::string& kernel) {
  for (const auto& [name, bytes] : kIntendedStackBytes)
    if (kernel.find(name) != std::string::npos) return bytes;
  return 0;
}

// Tables name the kernels of other files and have none of their own.
bool is_table(const fs::path& source) { return source.stem().string().ends_with("_table"); }

std::vector<fs::path> kernel_sources() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(SF_SOURCE_DIR) / "kernels"))
    if (entry.path().extension() == ".cu" && !is_table(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class PtxasSlow : public ::testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Sources, PtxasSlow, ::testing::ValuesIn(kernel_sources()),
                         [](const auto& info) {
                           return info.param.parent_path().filename().string() + "_" +
                                  info.param.stem().string();
                         });

TEST_P(PtxasSlow, NoKernelSpillsOrKeepsAStackFrame) {
  int status = 0;
  const std::string report = output_of(
      cat(SF_NVCC, " -O3 -std=c++20 --expt-relaxed-constexpr -DSF_WITH_CUDA -I", SF_SOURCE_DIR,
          " -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a -Xptxas -v"
          " -fatbin -o /dev/null ",
          GetParam().string()),
      status);
  ASSERT_EQ(status, 0) << report;
  const std::vector<Usage> all = parse(report);
  ASSERT_FALSE(all.empty()) << report;
  for (const Usage& usage : all) {
    std::printf("%-7s %3d registers, %d bytes of stack: %s\n", usage.architecture.c_str(),
                usage.registers, usage.stack_bytes, usage.kernel.c_str());
    EXPECT_GT(usage.registers, 0) << usage.kernel;
    EXPECT_EQ(usage.spill_bytes, 0) << usage.architecture << " " << usage.kernel;
    EXPECT_LE(usage.stack_bytes, intended_stack_bytes(usage.kernel))
        << usage.architecture << " " << usage.kernel;
  }
}

TEST(PtxasReport, FindsSpillsAndStackFrames) {
  const auto all = parse(R"(ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z1fi' for 'sm_80'
ptxas info    : Function properties for _Z1fi
    128 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 368 bytes cmem[0]
ptxas info    : Compiling entry function '_Z1gv' for 'sm_90a'
ptxas info    : Function properties for _Z1gv
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
)");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].kernel, "f(int)");
  EXPECT_EQ(all[0].architecture, "sm_80");
  EXPECT_EQ(all[0].stack_bytes, 128);
  EXPECT_EQ(all[0].spill_bytes, 12);
  EXPECT_EQ(all[0].registers, 255);
  EXPECT_EQ(all[1].kernel, "g()");
  EXPECT_EQ(all[1].stack_bytes + all[1].spill_bytes, 0);
}

}  // namespace
}  // namespace sf
