// Stacks that functions run on in turn, with the annotations that AddressSanitizer wants.
#pragma once

#include <cstddef>
#include <functional>

#include <boost/context/fiber.hpp>

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
  void arrive(boost::context::fiber&& from);

  boost::context::fiber continuation_;  // while it does not run
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sf::simt
