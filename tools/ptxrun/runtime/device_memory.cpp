#include "runtime/device_memory.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include "runtime/device.h"

namespace ptxrun {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kRedZone = 256;  // checked for writes
constexpr unsigned char kPoison = 0xff;
constexpr size_t kHugePage = size_t{1} << 21;  // a launch opens and closes all pages: few, then
constexpr size_t kReserve = 4;  // addresses, in limits: room for holes that nothing fits into

// Of the bytes and the red zone behind them.
size_t filled(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment + kRedZone;
}
// And a gap of addresses, so that a row beyond the end hits nothing. A launch opens and closes
// every page of them.
size_t footprint(size_t bytes) {
  constexpr size_t kLeast = size_t{1} << 14, kMost = size_t{1} << 20;
  return filled(bytes) + std::clamp(filled(bytes), kLeast, kMost);
}

struct sigaction g_previous;

void on_fault(int signal, siginfo_t* info, void* context) {
  if (device_memory().owns(info->si_addr)) {
    constexpr char kMessage[] = "ptxrun: the host touched device memory\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
    std::signal(signal, SIG_DFL);  // the access is tried again and ends the program
    return;
  }
  if (g_previous.sa_flags & SA_SIGINFO)
    g_previous.sa_sigaction(signal, info, context);
  else if (g_previous.sa_handler == SIG_DFL || g_previous.sa_handler == SIG_IGN)
    std::signal(signal, SIG_DFL);
  else
    g_previous.sa_handler(signal);
}

void name_host_faults() {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &g_previous);
}

}  // namespace

DeviceMemory::DeviceMemory(size_t limit) : limit_(limit) {
  const size_t size = limit * kReserve + kHugePage;
  void* reserved =
      mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) {
    perror("ptxrun: reserving addresses for device memory");
    std::abort();
  }
  madvise(reserved, size, MADV_HUGEPAGE);
  base_ = static_cast<char*>(reserved) + -reinterpret_cast<uintptr_t>(reserved) % kHugePage;
  name_host_faults();
}

void* DeviceMemory::allocate(int device, size_t bytes) {
  const size_t size = footprint(bytes);
  if (used_ + bytes > limit_) return nullptr;
  size_t offset = top_;
  const auto hole = std::ranges::find_if(holes_, [&](const auto& h) { return h.second >= size; });
  if (hole != holes_.end()) {
    offset = hole->first;
    const size_t rest = hole->second - size;
    holes_.erase(hole);
    if (rest) holes_[offset + size] = rest;
  } else if (top_ + size > limit_ * kReserve) {
    return nullptr;
  }
  open();
  if (offset == top_) {
    top_ += size;
    protect(PROT_READ | PROT_WRITE);
  }
  memset(base_ + offset, kPoison, filled(bytes));
  close();
  allocations_[offset] = {bytes, device};
  used_ += bytes;
  used_high_ = std::max(used_high_, used_);
  return base_ + offset;
}

bool DeviceMemory::release(void* data) {
  const auto found = allocations_.find(size_t(static_cast<char*>(data) - base_));
  if (found == allocations_.end()) return false;
  size_t offset = found->first;
  const size_t bytes = found->second.bytes;
  size_t size = footprint(bytes);
  {
    const DeviceAccess access;
    const auto* start = reinterpret_cast<unsigned char*>(base_ + offset);
    if (!std::all_of(start + bytes, start + filled(bytes),
                     [](unsigned char c) { return c == kPoison; }))
      fprintf(stderr, "ptxrun: memory after a buffer of %zu bytes was overwritten\n", bytes);
  }
  allocations_.erase(found);
  used_ -= bytes;
  const auto next = holes_.find(offset + size);
  if (next != holes_.end()) {
    size += next->second;
    holes_.erase(next);
  }
  const auto after = holes_.lower_bound(offset);
  if (after != holes_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
    }
  }
  holes_[offset] = size;
  return true;
}

bool DeviceMemory::contains(const void* data, size_t bytes) const {
  if (!owns(data)) return false;
  const size_t offset = size_t(static_cast<const char*>(data) - base_);
  const auto after = allocations_.upper_bound(offset);
  if (after == allocations_.begin()) return false;
  const auto& [start, allocation] = *std::prev(after);
  return offset + bytes <= start + allocation.bytes;
}

int DeviceMemory::device_of(const void* data) const {
  const size_t offset = size_t(static_cast<const char*>(data) - base_);
  return std::prev(allocations_.upper_bound(offset))->second.device;
}

bool DeviceMemory::owns(const void* address) const {
  return address >= base_ && address < base_ + limit_ * kReserve;
}

void DeviceMemory::for_each(int device, const std::function<void(void*, size_t)>& f) const {
  for (const auto& [offset, allocation] : allocations_)
    if (allocation.device == device) f(base_ + offset, allocation.bytes);
}

void DeviceMemory::open() {
  if (opened_++ == 0) protect(PROT_READ | PROT_WRITE);
}

void DeviceMemory::close() {
  if (--opened_ == 0 && setting("PTXRUN_CHECK", 2)) protect(PROT_NONE);
}

void DeviceMemory::protect(int protection) const {
  if (top_) mprotect(base_, (top_ + kHugePage - 1) / kHugePage * kHugePage, protection);
}

DeviceMemory& device_memory() {
  static auto* memory = new DeviceMemory(memory_limit());  // programs free late
  return *memory;
}

std::map<uintptr_t, size_t>& mapped_host_memory() {
  static auto* memory = new std::map<uintptr_t, size_t>;
  return *memory;
}

bool visible_to_kernels(const void* data, size_t bytes) {
  if (device_memory().contains(data, bytes)) return true;
  const auto& mapped = mapped_host_memory();
  const auto address = reinterpret_cast<uintptr_t>(data);
  const auto after = mapped.upper_bound(address);
  if (after == mapped.begin()) return false;
  const auto& [start, size] = *std::prev(after);
  return address + bytes <= start + size;
}

}  // namespace ptxrun
