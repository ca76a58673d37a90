// How long kernels take, kept between runs of the program.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace sf {

// Microseconds, by device, problem and kernel, in a file of JSON:
//   {"format": 1, "devices": {"NVIDIA ...": {"conv3d bf16 ...": {"gemm": 12.5, "cudnn": 11.0}}}}
// It is a cache: a file that is missing or cannot be read counts as empty.
class KernelTimes {
 public:
  using Times = std::map<std::string, double, std::less<>>;

  explicit KernelTimes(std::filesystem::path file);

  // Null where the problem was not measured.
  const Times* find(const std::string& device, const std::string& problem) const;
  void add(const std::string& device, const std::string& problem, Times times);
  // Adds what is new since the last save to what the file holds by now: whole, or not at all. False
  // where it cannot be written; it is a cache, so that stops nobody.
  bool save();

 private:
  using Devices = std::map<std::string, std::map<std::string, Times>>;
  static Devices read(const std::filesystem::path& file);

  std::filesystem::path file_;
  Devices known_, added_;
};

// sf/kernel_times.json in $XDG_CACHE_HOME, else in ~/.cache; empty where there is neither.
std::filesystem::path kernel_times_file();

}  // namespace sf
