// Times of kernels as CSV and as a diagram.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sf {

struct KernelTime {
  std::string file = {}, direction = {}, problem = {}, kernel = {};
  double seconds = 0, operations = 0, bytes = 0;
  double share = 0;        // of the roofline; 0: not known
  std::string fault = {};  // why there is no time
};

// Later times of a kernel replace earlier ones, but not a fault.
void keep(std::vector<KernelTime>& times, KernelTime time);

// A line a time.
void write_kernel_csv(const std::filesystem::path& path, const std::string& device,
                      const std::string& type, const std::vector<KernelTime>& times);

// A panel for each file and direction: the share of the roofline over the file's problems, a
// series for each kernel.
void write_kernel_diagram(const std::filesystem::path& path, const std::string& title,
                          const std::vector<KernelTime>& times);

}  // namespace sf
