// A stack of its own that a function runs on, with the annotations that AddressSanitizer wants.
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
  Stack(Stack&& other) noexcept;
  Stack& operator=(Stack&&) = delete;

  std::byte* bottom() const { return bottom_; }
  static size_t size();

 private:
  std::byte* bottom_;
};

// resume() runs main until it calls suspend() or returns; main must have returned before the fiber
// ends. All on one OS thread.
class Fiber {
 public:
  explicit Fiber(std::function<void()> main);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void resume();
  void suspend();  // from inside

 private:
  void enter(boost::context::fiber&& resumer);

  Stack stack_;
  std::function<void()> main_;
  boost::context::fiber fiber_, resumer_;
  void* fake_stack_ = nullptr;
  const void* resumer_bottom_ = nullptr;
  size_t resumer_size_ = 0;
};

}  // namespace sf::simt
