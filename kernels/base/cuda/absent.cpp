// The runtime of a build without CUDA: no devices.
#include "kernels/base/cuda/runtime.h"

namespace sf::cuda {
namespace {

[[noreturn]] void absent() { throw Error("cuda: " + describe_devices()); }

}  // namespace

int device_count() { return 0; }
int current_device() noexcept { return -1; }
std::string device_name(int) { absent(); }
Properties properties(int) { absent(); }
std::string describe_devices() { return "not built in"; }

DeviceScope::DeviceScope(std::optional<int> device) {
  if (device) absent();
}
DeviceScope::~DeviceScope() {}

void* allocate(int, size_t) { absent(); }
void release(void*) noexcept {}
void* allocate_pinned(size_t) { absent(); }
void release_pinned(void*) noexcept {}
void copy(void*, const void*, size_t) { absent(); }
void copy_rows(void*, const void*, const RowCopy&) { absent(); }
void fill(void*, unsigned char, size_t) { absent(); }
void synchronize(Queue queue) {
  if (queue.backend == Backend::cuda) absent();
}

Stream::Stream(int device, Order) : device_(device) { absent(); }
Stream::~Stream() {}
void Stream::wait_for(const Event&) const { absent(); }
void Stream::copy(void*, const void*, size_t) const { absent(); }
void Stream::copy_rows(void*, const void*, const RowCopy&) const { absent(); }
void Stream::synchronize() const { absent(); }

Event::Event(int) { absent(); }
Event::~Event() {}
void Event::record(const Stream&) { absent(); }
void Event::record(Queue) { absent(); }
void Event::synchronize() const { absent(); }
float Event::milliseconds(const Event&, const Event&) { absent(); }

void leave_error(std::string_view, std::string_view) noexcept {}

Graph::Graph(const Stream&, const std::function<void()>&) { absent(); }
Graph::~Graph() {}
void Graph::launch(const Stream&) const { absent(); }

void check_launches(std::string_view) { absent(); }

}  // namespace sf::cuda
