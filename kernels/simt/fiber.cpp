#include "kernels/simt/fiber.h"

#include <new>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "kernels/simt/address_sanitizer.h"

namespace sf::simt {
namespace {

// Called around every switch; AddressSanitizer follows the stack by them.
void leave([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* to_bottom,
           [[maybe_unused]] size_t to_size) {
#if defined(SF_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(fake_stack, to_bottom, to_size);
#endif
}
void arrive_on([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** from_bottom,
               [[maybe_unused]] size_t* from_size) {
#if defined(SF_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(fake_stack, from_bottom, from_size);
#endif
}

size_t page() { return size_t(sysconf(_SC_PAGESIZE)); }

// Boost frees what it allocates; ours belongs to the Stack.
struct NotOwned {
  static void deallocate(boost::context::stack_context&) {}
};

}  // namespace

size_t Stack::size() {
#if defined(SF_ADDRESS_SANITIZER)
  return size_t(256) << 10;  // red zones between variables
#else
  return size_t(64) << 10;
#endif
}

Stack::Stack() {
  void* memory = mmap(nullptr, page() + size(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, page(), PROT_NONE);
  bottom_ = static_cast<std::byte*>(memory) + page();
}

Stack::~Stack() {
  if (bottom_) munmap(bottom_ - page(), page() + size());
}

Stack::Stack(Stack&& other) noexcept : bottom_(std::exchange(other.bottom_, nullptr)) {}

Fiber::Fiber(std::function<void()> main) : main_(std::move(main)) {
  boost::context::stack_context context;
  context.size = Stack::size();
  context.sp = stack_.bottom() + Stack::size();
  fiber_ = boost::context::fiber(std::allocator_arg,
                                 boost::context::preallocated(context.sp, context.size, context),
                                 NotOwned{}, [this](boost::context::fiber&& resumer) {
                                   enter(std::move(resumer));
                                   return std::move(resumer_);
                                 });
}

void Fiber::enter(boost::context::fiber&& resumer) {
  resumer_ = std::move(resumer);
  arrive_on(nullptr, &resumer_bottom_, &resumer_size_);
  main_();
  leave(nullptr, resumer_bottom_, resumer_size_);
}

void Fiber::resume() {
  void* fake_stack = nullptr;
  leave(&fake_stack, stack_.bottom(), Stack::size());
  fiber_ = std::move(fiber_).resume();
  arrive_on(fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
  leave(&fake_stack_, resumer_bottom_, resumer_size_);
  resumer_ = std::move(resumer_).resume();
  arrive_on(fake_stack_, &resumer_bottom_, &resumer_size_);
}

}  // namespace sf::simt
