// The functions of interface.h for the tables of the generated file, which includes this at its
// end.
#pragma once

#include <chrono>
#include <thread>

#include "device/cta_runner.h"
#include "device/demangle.h"

namespace ptxrun {

constexpr u32 kMaxSharedBytes = 232448;      // of sm_90
constexpr size_t kParameterAlignment = 128;  // the most that a parameter may ask for

static const KernelInfo* find_kernel(const char* name) {
  for (const KernelInfo* k = kKernels; k->name; ++k)
    if (!strcmp(k->name, name)) return k;
  return nullptr;
}

static int refuse_launch(const char* kernel, const std::string& why) {
  fprintf(stderr, "ptxrun: %s: %s\n", demangled(kernel).c_str(), why.c_str());
  return 1;
}

// Adds what every launch may touch to the registered buffers; takes it away at the end.
class LaunchRanges {
 public:
  explicit LaunchRanges(const LaunchContext& launch) : registered_(g_ranges) {
    for (const GlobalSymbol* s = kSymbols; s->name; ++s)
      g_ranges.push_back({(u64)s->address, (u64)s->address + s->size, false});
    const u64 parameters = (u64)launch.parameters;
    g_ranges.push_back({parameters, parameters + launch.kernel->parameter_bytes, true});
    std::sort(g_ranges.begin(), g_ranges.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
    t_last_range = {1, 0, false};
  }
  ~LaunchRanges() {
    g_ranges = registered_;
    t_last_range = {1, 0, false};
  }
  LaunchRanges(const LaunchRanges&) = delete;
  LaunchRanges& operator=(const LaunchRanges&) = delete;

 private:
  std::vector<Range> registered_;
};

// Runs all CTAs; false after a deadlock.
static bool run_grid(const LaunchContext& launch, int threads) {
  const LaunchOptions& o = launch.options;
  const u64 count = (u64)o.grid[0] * o.grid[1] * o.grid[2];
  std::vector<u64> shuffled;
  if (o.order >= 2) {
    for (u64 i = 0; i < count; ++i) shuffled.push_back(i);
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(o.order));
  }
  std::atomic<u64> next{0};
  std::atomic<bool> ok{true};
  auto work = [&](int thread) {
    CtaRunner runner(launch, thread);
    for (u64 i = next++; i < count && ok; i = next++) {
      const u64 index = o.order == 1 ? count - 1 - i : o.order >= 2 ? shuffled[i] : i;
      if (!runner.run(index)) ok = false;
    }
  };
  threads = (int)std::min<u64>(std::max(threads, 1), count);
  g_multithreaded = threads > 1;
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (auto& thread : others) thread.join();
  return ok;
}

extern "C" const char* ptxrun_kernel_name(int index) {
  return index < (int)std::size(kKernels) ? kKernels[index].name : nullptr;
}

extern "C" int ptxrun_parameters(const char* name, u32* offset, u32* size, const char** type,
                                 int capacity) {
  const KernelInfo* k = find_kernel(name);
  if (!k) return -1;
  for (int i = 0; i < std::min(k->parameter_count, capacity); ++i) {
    offset[i] = k->parameter_offset[i];
    size[i] = k->parameter_size[i];
    if (type) type[i] = k->parameter_type[i];
  }
  return k->parameter_count;
}

extern "C" void* ptxrun_symbol(const char* name, u64* size) {
  for (const GlobalSymbol* s = kSymbols; s->name; ++s)
    if (!strcmp(s->name, name)) {
      *size = s->size;
      return s->address;
    }
  return nullptr;
}

extern "C" bool ptxrun_attributes(const char* name, KernelAttributes* attributes) {
  const KernelInfo* k = find_kernel(name);
  if (k) *attributes = {k->shared_bytes, k->local_bytes, k->max_threads};
  return k;
}

extern "C" void ptxrun_add_buffer(const void* data, u64 size, int read_only) {
  g_ranges.push_back({(u64)data, (u64)data + size, read_only != 0});
}
extern "C" void ptxrun_clear_buffers() { g_ranges.clear(); }

extern "C" int ptxrun_launch(const char* name, const LaunchOptions* options, const void* parameters,
                             LaunchStats* stats) {
  const KernelInfo* kernel = find_kernel(name);
  if (!kernel) return refuse_launch(name, "no such kernel");
  LaunchContext launch{kernel,
                       *options,
                       nullptr,
                       kernel->shared_bytes + options->dynamic_shared,
                       options->block[0] * options->block[1] * options->block[2],
                       0};
  launch.warp_count = (launch.thread_count + 31) / 32;
  if (launch.thread_count < 1 || !options->grid[0] || !options->grid[1] || !options->grid[2])
    return refuse_launch(name, "bad launch configuration");
  if (launch.thread_count > kernel->max_threads)
    return refuse_launch(name, "wanted at most " + std::to_string(kernel->max_threads) +
                                   " threads, found " + std::to_string(launch.thread_count));
  if (launch.shared_bytes > kMaxSharedBytes)
    return refuse_launch(name, std::to_string(launch.shared_bytes) + " bytes of shared memory");

  std::vector<char> copy(kernel->parameter_bytes + 3 * kParameterAlignment);
  char* aligned =
      (char*)(((u64)copy.data() + kParameterAlignment - 1) & ~(kParameterAlignment - 1));
  if (kernel->parameter_bytes) memcpy(aligned, parameters, kernel->parameter_bytes);
  launch.parameters = aligned;

  const std::string readable = demangled(kernel->name);
  g_kernel_name = readable.c_str();
  g_source_lines = kSourceLines;
  g_check = options->check;
  g_errors_before = g_errors;
  const u64 instructions = g_instructions;
  const auto start = std::chrono::steady_clock::now();
  const LaunchRanges ranges(launch);
  const bool ok = run_grid(launch, options->threads);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  *stats = {g_instructions - instructions, g_errors - g_errors_before, elapsed.count()};
  return !ok || stats->errors;
}

}  // namespace ptxrun
