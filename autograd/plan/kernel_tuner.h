// Choice of kernels by what they take on the device.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/plan/kernel_times.h"
#include "kernels/base/cuda/runtime.h"

namespace sf {

class KernelTuner {
 public:
  // device names what is measured, with all that its times depend on.
  KernelTuner(std::string device, std::filesystem::path file)
      : device_(std::move(device)), times_(std::move(file)) {}

  // Measures a kernel of the table, in microseconds, given the best time so far; empty where the
  // kernel is no candidate. May throw sf::Error.
  using Measure = std::function<std::optional<double>(size_t kernel, double best)>;
  // The fastest of the kernels of that table; empty if none could be measured. Measures once for
  // each problem and number of kernels; what threw does not count, and is tried again next time.
  std::optional<size_t> fastest(const std::string& problem, std::span<const std::string_view> names,
                                const Measure& measure);
  void save() { times_.save(); }

 private:
  std::string device_;
  KernelTimes times_;
};

// What kernels of the CPU or of the current CUDA device are timed with.
class KernelTrial {
 public:
  explicit KernelTrial(Backend backend);
  ~KernelTrial();
  KernelTrial(const KernelTrial&) = delete;
  KernelTrial& operator=(const KernelTrial&) = delete;

  // Of the device, while the trial lives, filled with small numbers. Throws when there is not
  // enough.
  void* memory(size_t bytes);
  // The same, its first bytes zero, as Kernel::zeroed_bytes wants them.
  void* workspace(size_t bytes, size_t zeroed);
  // Of one run, the least of several; of the first one where that is far above `best`. Throws what
  // the runs ran into.
  double microseconds(const std::function<void(Queue)>& run, double best);

 private:
  double on_cuda(const std::function<void(Queue)>& run, int runs) const;

  Backend backend_;
  int device_ = 0;  // of CUDA
  std::vector<void*> memory_;
};

}  // namespace sf
