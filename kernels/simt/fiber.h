// Stacks that functions run on in turn, with the annotations that AddressSanitizer wants.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include <boost/context/fiber.hpp>

#include "kernels/simt/address_sanitizer.h"

namespace sf::simt {

// Memory for a stack, with a page below it that faults.
class Stack {
 public:
  Stack();
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  std::byte* bottom() const { return bottom_; }
  size_t size() const { return size_; }

 private:
  std::byte* bottom_;
  size_t size_;
};

// All fibers that switch to one another belong to one OS thread.
class Fiber {
 public:
  // The stack that the OS thread runs on.
  Fiber() = default;
  // Runs main when it is first switched to; main returns the fiber that then goes on.
  Fiber(const Stack& stack, std::function<Fiber&()> main);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // From this fiber, which runs: goes on in `to`. Returns when a fiber switches to this one.
  void switch_to(Fiber& to);

 private:
  // Around every switch: AddressSanitizer follows the stack by them.
  static void leave(void** fake_stack, const void* to_bottom, size_t to_size);
  void arrive(boost::context::fiber&& from);

  static constinit thread_local Fiber* left_;  // the fiber that ran before the one that runs
  boost::context::fiber continuation_;         // while it does not run
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  size_t size_ = 0;
};

// Inline: a return behind a switch is one that the processor mispredicts.
inline void Fiber::switch_to(Fiber& to) {
  left_ = this;
  leave(&fake_stack_, to.bottom_, to.size_);
  arrive(std::move(to.continuation_).resume());
}

inline void Fiber::leave([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* to_bottom,
                         [[maybe_unused]] size_t to_size) {
#if defined(SF_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(fake_stack, to_bottom, to_size);
#endif
}

inline void Fiber::arrive(boost::context::fiber&& from) {
  Fiber& before = *left_;
#if defined(SF_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(fake_stack_, &before.bottom_, &before.size_);
#endif
  before.continuation_ = std::move(from);
}

}  // namespace sf::simt
