#include "kernels/simt/thread.h"

#include <cstdint>
#include <cstring>
#include <string_view>

#include "kernels/base/error.h"
#include "kernels/simt/address_sanitizer.h"
#include "kernels/simt/block_runner.h"
#include "kernels/simt/place.h"

namespace sf::simt {
namespace {

bool near_shared(const void* address) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  return at >= this_block->span_begin && at < this_block->span_end;
}

std::string text(dim3 i) { return cat("(", i.x, ", ", i.y, ", ", i.z, ")"); }

}  // namespace

std::string place(const Site& site) {
  std::string_view file = site.file_name();
  if (const size_t folder = file.rfind('/'); folder != std::string_view::npos)
    if (const size_t above = file.rfind('/', folder - 1); above != std::string_view::npos)
      file.remove_prefix(above + 1);
  return cat(file, ":", site.line());
}

void report(const std::string& what, const Site& where) {
  std::string who = cat("simt: kernel launched at ", place(BlockRunner::mine().launch().where));
  if (this_block) who += cat(", block ", text(this_block->index));
  if (this_thread) who += cat(", thread ", text(this_thread->index));
  throw Error(cat(who, ": ", what, ", at ", place(where)));
}

void syncthreads(const Site& where) { BlockRunner::mine().syncthreads(where); }

bool arrive(const char* collective, void* brought, const Site& where) {
  return BlockRunner::mine().arrive(collective, brought, where);
}
void complete() { BlockRunner::mine().complete(); }

void cp_async(void* to, const void* from, int bytes, bool valid, const Site& where) {
  if (!near_shared(to)) report("asynchronous copy to an address outside shared memory", where);
  access(Access::store, to, size_t(bytes), where);
  if (valid) access(Access::load, from, size_t(bytes), where);
  std::memset(to, 0xFF, size_t(bytes));
  this_thread->copies.push_back({static_cast<std::byte*>(to),
                                 valid ? static_cast<const std::byte*>(from) : nullptr, bytes,
                                 this_thread->group});
}

void cp_async_commit() { ++this_thread->group; }

void cp_async_wait(int pending) {
  auto& copies = this_thread->copies;
  auto copy = copies.begin();
  for (; copy != copies.end() && copy->group < this_thread->group - pending; ++copy) {
    if (copy->from)
      std::memcpy(copy->to, copy->from, size_t(copy->bytes));
    else
      std::memset(copy->to, 0, size_t(copy->bytes));
  }
  copies.erase(copies.begin(), copy);
}

void check_access(Access kind, const void* address, size_t bytes, const Site& where) {
  if (const size_t beyond = reinterpret_cast<uintptr_t>(address) % bytes)
    report(cat("access of ", bytes, " bytes at an address that is ", beyond,
               " beyond a multiple of ", bytes),
           where);
  const auto* at = static_cast<const std::byte*>(address);
  const std::byte *begin = this_block->shared, *end = begin + this_block->shared_bytes;
  const bool shared = at >= begin && at + bytes <= end;
  if (!shared && near_shared(address))
    report(cat("access at byte ", at - begin, " of the block's ", this_block->shared_bytes,
               " bytes of shared memory"),
           where);
#if defined(SF_ADDRESS_SANITIZER)
  if (!shared && __asan_region_is_poisoned(const_cast<void*>(address), bytes))
    report(cat("access of ", bytes, " bytes that AddressSanitizer forbids"), where);
#endif
  if (Recorder* recorder = BlockRunner::mine().recorder())
    recorder->access(*this_thread, kind, shared, address, bytes, where);
}

void count_fma(int n) {
  if (Recorder* recorder = BlockRunner::mine().recorder()) recorder->counts.fma += n;
}

}  // namespace sf::simt
