#include "kernels/simt/fiber.h"

#include <atomic>
#include <new>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#if defined(SF_ADDRESS_SANITIZER)
// To see uses after return AddressSanitizer keeps locals in memory of its own. It takes those of
// fibers that wait for dead ones, and reports their end.
extern "C" const char* __asan_default_options() { return "detect_stack_use_after_return=0"; }
#endif

namespace sf::simt {
namespace {

constexpr size_t kStackBytes = size_t(kAddressSanitizer ? 256 : 64) << 10;  // red zones take room

size_t page() { return size_t(sysconf(_SC_PAGESIZE)); }

// Boost frees what it allocates; ours belongs to the Stack.
struct NotOwned {
  static void deallocate(boost::context::stack_context&) {}
};

}  // namespace

constinit thread_local Fiber* Fiber::left_ = nullptr;

Stack::Stack() {
  void* memory = mmap(nullptr, page() + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, page(), PROT_NONE);
  bottom_ = static_cast<std::byte*>(memory) + page();
  // Tops at the same place of every page would share a few sets of the cache.
  static std::atomic<size_t> stacks = 0;
  size_ = kStackBytes - stacks++ * 5 % 64 * 64;
}

Stack::~Stack() {
#if defined(SF_ADDRESS_SANITIZER)
  // What is mapped here next is no stack.
  __asan_unpoison_memory_region(bottom_, kStackBytes);
#endif
  munmap(bottom_ - page(), page() + kStackBytes);
}

Fiber::Fiber(const Stack& stack, std::function<Fiber&()> main)
    : bottom_(stack.bottom()), size_(stack.size()) {
  boost::context::stack_context context;
  context.size = size_;
  context.sp = stack.bottom() + size_;
  continuation_ = boost::context::fiber(
      std::allocator_arg, boost::context::preallocated(context.sp, context.size, context),
      NotOwned{}, [this, main = std::move(main)](boost::context::fiber&& from) {
        arrive(std::move(from));
        Fiber& next = main();
        left_ = this;
        // The frames that return from here may lie on the fake stack, so it is not given back.
        leave(&fake_stack_, next.bottom_, next.size_);
        return std::move(next.continuation_);
      });
}

}  // namespace sf::simt
