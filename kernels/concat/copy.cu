// A thread a word of a run: 16 bytes where runs, pitches and addresses are whole numbers of them,
// else as many as go.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/concat/concat.h"

namespace sf {

SF_DEVICE_TABLE(CopyKernel, copy_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

// In words; a pitch is from one run to the next.
struct Runs {
  unsigned words, length;
  int64_t x_pitch, y_pitch;
};

template <class Unit, int kUnits>
__global__ void __launch_bounds__(kThreads) copy_kernel(Runs runs, const Unit* x, Unit* y) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= runs.words) return;
  const int64_t run = i / runs.length, word = i % runs.length;
  store(y + (run * runs.y_pitch + word) * kUnits,
        load<kUnits>(x + (run * runs.x_pitch + word) * kUnits));
}

// f(Unit{}, units) for the largest word that divides all that the bits of `sizes` are made of.
template <class F>
void with_word(uint64_t sizes, const F& f) {
  if (sizes % 16 == 0) return f(uint32_t{}, std::integral_constant<int, 4>{});
  if (sizes % 8 == 0) return f(uint32_t{}, std::integral_constant<int, 2>{});
  if (sizes % 4 == 0) return f(uint32_t{}, std::integral_constant<int, 1>{});
  if (sizes % 2 == 0) return f(uint16_t{}, std::integral_constant<int, 1>{});
  f(uint8_t{}, std::integral_constant<int, 1>{});
}

bool can_run(const CopyProblem& p) { return p.pixels * p.c < int64_t{1} << 31; }

void run(const CopyProblem& p, const CopyArgs& a, void*, void*, Queue queue) {
  const auto size = int64_t(size_of(p.dtype));
  const bool dense = p.x_pitch == p.c && p.y_pitch == p.c;
  const int64_t run = (dense ? p.pixels : 1) * p.c * size, runs = dense ? 1 : p.pixels;
  const int64_t x_pitch = dense ? run : p.x_pitch * size, y_pitch = dense ? run : p.y_pitch * size;
  const auto address = [](const void* to) { return reinterpret_cast<uintptr_t>(to); };
  with_word(uint64_t(run | x_pitch | y_pitch) | address(a.x) | address(a.y),
            [&](auto unit, auto units) {
              using Unit = decltype(unit);
              const int64_t word = units * int64_t{sizeof(Unit)}, words = runs * run / word;
              launch(copy_kernel<Unit, units>, ceil_div(words, kThreads), kThreads, 0, queue,
                     Runs{unsigned(words), unsigned(run / word), x_pitch / word, y_pitch / word},
                     static_cast<const Unit*>(a.x), static_cast<Unit*>(a.y));
            });
}

}  // namespace

std::span<const CopyKernel> copy_kernels() {
  static constexpr std::array rows{CopyKernel{.name = "words", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
