#include "autograd/plan/kernel_tuner.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace sf {

std::optional<size_t> KernelTuner::fastest(const std::string& problem,
                                           std::span<const std::string_view> names,
                                           const Measure& measure) {
  // A table with other kernels is another one.
  std::string key = cat(problem, " of");
  for (const std::string_view name : names) key += cat(" ", name);
  const auto choice = [&](const KernelTimes::Times& times) -> std::optional<size_t> {
    const auto least =
        std::ranges::min_element(times, {}, [](const auto& entry) { return entry.second; });
    if (least == times.end() || !(least->second > 0)) return {};
    const auto found = std::ranges::find(names, least->first);
    if (found == names.end()) return {};
    return size_t(found - names.begin());
  };
  if (const auto* times = times_.find(device_, key))
    if (const auto chosen = choice(*times)) return chosen;
  KernelTimes::Times times;
  bool complete = true;
  double best = std::numeric_limits<double>::infinity();
  for (size_t kernel = 0; kernel < names.size(); ++kernel) try {
      const auto time = measure(kernel, best);
      if (!time) continue;
      times.emplace(names[kernel], *time);
      best = std::min(best, *time);
    } catch (const std::exception&) { complete = false; }  // a library's, too
  if (complete && !times.empty()) times_.add(device_, key, times);
  return choice(times);
}

KernelTrial::KernelTrial(Backend backend) : backend_(backend) {
  if (backend_ == Backend::cuda) device_ = cuda::current_device();
}

KernelTrial::~KernelTrial() {
  for (void* data : memory_) backend_ == Backend::cuda ? cuda::release(data) : std::free(data);
}

void* KernelTrial::memory(size_t bytes) {
  if (bytes == 0) return nullptr;
  // 0x3C3C is 0.0115 as bf16 and as the first half of a float, and 1.06 as f16.
  constexpr int kFilling = 0x3C;
  if (backend_ == Backend::cuda) {
    memory_.push_back(cuda::allocate(device_, bytes));
    cuda::fill(memory_.back(), kFilling, bytes);
    return memory_.back();
  }
  constexpr size_t kAlignment = 64;
  void* data = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  SF_CHECK(data, "memory: wanted ", bytes, " bytes to measure a kernel");
  memory_.push_back(data);
  return std::memset(data, kFilling, bytes);
}

void* KernelTrial::workspace(size_t bytes, size_t zeroed) {
  void* data = memory(bytes);
  if (zeroed == 0) return data;
  if (backend_ == Backend::cuda)
    cuda::fill(data, 0, zeroed);
  else
    std::memset(data, 0, zeroed);
  return data;
}

double KernelTrial::on_cuda(const std::function<void(Queue)>& run, int runs) const {
  const cuda::Stream stream(device_);
  cuda::Event start(device_), end(device_);
  start.record(stream);
  for (int i = 0; i < runs; ++i) run(stream.queue());
  end.record(stream);
  const double elapsed = double(cuda::Event::milliseconds(start, end));
  cuda::check_launches("measuring kernels");
  return elapsed * 1000 / runs;
}

double KernelTrial::microseconds(const std::function<void(Queue)>& run, double best) {
  const auto time = [&](int runs) {
    if (backend_ == Backend::cuda) return on_cuda(run, runs);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) run({});
    const std::chrono::duration<double, std::micro> elapsed =
        std::chrono::steady_clock::now() - start;
    return elapsed.count() / runs;
  };
  time(1);  // loads the kernel
  const double first = time(1);
  constexpr double kFarAbove = 4, kRound = 1000;  // microseconds
  if (first > kFarAbove * best) return first;
  const int runs = std::clamp(int(kRound / std::max(first, 1.0)), 1, 50);
  double least = first;
  for (int round = 0; round < 5; ++round) least = std::min(least, time(runs));
  return least;
}

}  // namespace sf
