// The CUDA runtime for code that has none of its headers: devices, memory, streams, events, graphs.
// In a build without CUDA, and on a machine without a driver or a device, there are no devices, and
// what needs one throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/base/kernel.h"

namespace sf::cuda {

int device_count();
// The calling thread's; negative where there are none.
int current_device() noexcept;
std::string device_name(int device);
struct Properties {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  double clock = 0, memory_clock = 0;  // the highest, a second; 0: not known
  int memory_bits = 0;                 // that memory moves with each edge of its clock
};
Properties properties(int device);
// One line for people: the devices, or why there are none.
std::string describe_devices();

// Makes a device the calling thread's while it lives; without one it does nothing.
class DeviceScope {
 public:
  explicit DeviceScope(std::optional<int> device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  std::optional<int> before_;
};

// Global memory, aligned to 256 bytes, contents undefined. Throws when there is not enough.
void* allocate(int device, size_t bytes);
void release(void* data) noexcept;

// Host memory that a device reads and writes by itself, beside other work.
void* allocate_pinned(size_t bytes);
void release_pinned(void* data) noexcept;

struct RowCopy {
  size_t rows, bytes;  // of a row
  size_t to_pitch, from_pitch;
};
// Between host and device or within a device, behind all work that was queued on its default and
// its blocking streams before. Done on return.
void copy(void* to, const void* from, size_t bytes);
void copy_rows(void* to, const void* from, const RowCopy& layout);
void fill(void* data, unsigned char byte, size_t bytes);

// Returns when all work of the stream is done, throws what it ran into; at once for other backends.
void synchronize(Queue queue);

class Event;

// A queue of work on one device, ordered with its default stream or apart from it: what that does
// does not hold up work here, nor the other way round.
class Stream {
 public:
  enum class Order : uint8_t { with_default, apart };
  explicit Stream(int device, Order order = Order::with_default);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int device() const { return device_; }
  Queue queue() const { return {.backend = Backend::cuda, .native = native_}; }
  // Work queued from now on starts when what the event was recorded behind is done.
  void wait_for(const Event& event) const;
  // Queue a copy, of pinned memory where it is the host's. Both ends must stay until it is done.
  void copy(void* to, const void* from, size_t bytes) const;
  void copy_rows(void* to, const void* from, const RowCopy& layout) const;
  // Returns when all work is done; throws what it ran into.
  void synchronize() const;

 private:
  int device_;
  void* native_ = nullptr;
};

// A point in the work of a stream.
class Event {
 public:
  explicit Event(int device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const Stream& stream);
  // On a queue of the device that the event was made for, which is the calling thread's.
  void record(Queue queue);
  // Returns when what it was recorded behind is done, at once if it was never recorded; throws what
  // that ran into.
  void synchronize() const;
  // From start to end, both recorded; waits for end.
  static float milliseconds(const Event& start, const Event& end);

 private:
  friend class Stream;
  [[maybe_unused]] void* native_ = nullptr;
};

// What a library refused in a run, which cannot throw: the next check_launches() of this thread
// does.
void leave_error(std::string_view library, std::string_view reason) noexcept;

// What streams were asked to do, recorded once, to be asked again by one call: the same kernels
// with the same arguments, behind the same waits.
class Graph {
 public:
  // Records what queue_work() queues on the stream, and on others that wait for it before and that
  // it waits for at last, instead of doing it. Throws what queue_work throws and, with CUDA's
  // reason, if it did what cannot be recorded: copied or filled on the default stream, waited for
  // the device, took memory.
  Graph(const Stream& stream, const std::function<void()>& queue_work);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(const Stream& stream) const;

 private:
  [[maybe_unused]] void* native_ = nullptr;
};

// Throws, with the step's name, if CUDA refused a launch of this thread since the last call or has
// noticed a fault, or if an error was left. Work still queued may fail later.
void check_launches(std::string_view step);

}  // namespace sf::cuda
