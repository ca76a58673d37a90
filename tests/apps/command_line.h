// Runs the sf program as a user does.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/base/error.h"

namespace sf {

struct Outcome {
  int status = -1;
  std::string out, err;
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Begins a command that finds no GPU, nor its stand-in: these tests mean the CPU.
constexpr char kOnCpu[] = "env CUDA_VISIBLE_DEVICES= PTXRUN_DEVICES=0 ";

class CommandLine : public testing::Test {
 protected:
  CommandLine() { std::filesystem::create_directories(folder); }
  ~CommandLine() override { std::filesystem::remove_all(folder); }

  Outcome sf(const std::string& arguments, const std::string& before = kOnCpu) const {
    const std::filesystem::path out = folder / "stdout", err = folder / "stderr";
    const std::string command = cat("cd ", SF_SOURCE_DIR, " && ", before, SF_BINARY, " ", arguments,
                                    " >", out.string(), " 2>", err.string(), " </dev/null");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(out),
            read_text(err)};
  }

  std::filesystem::path folder = std::filesystem::temp_directory_path() / cat("sf_cli_", getpid());
};

}  // namespace sf
