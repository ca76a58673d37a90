// What the laws of all kernel tables share: guarded buffers, seeded data, one run of one row.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include <gtest/gtest.h>

#include "hwy/highway.h"
#include "hwy/targets.h"
#include "kernels/base/case.h"
#include "kernels/base/counter_rng.h"
#include "kernels/base/element.h"
#include "kernels/base/kernel.h"
#include "kernels/simt/order.h"
#include "tests/kernels/visible_memory.h"

namespace sf::test {

// Rows of c values, `pitch` elements apart, between margins. What lies between and around the rows
// holds `guard`: a number that nothing computes in outputs, NaN in inputs, where reading it would
// show.
template <class T>
class Rows {
 public:
  Rows(int64_t rows, int64_t c, int64_t pitch, T guard)
      : rows_(rows),
        c_(c),
        pitch_(pitch),
        guard_(guard),
        all_(size_t(rows * pitch + 2 * kMargin), guard) {}

  T* data() { return all_.data() + kMargin; }
  const T* data() const { return all_.data() + kMargin; }
  int64_t rows() const { return rows_; }
  int64_t channels() const { return c_; }
  T& at(int64_t row, int64_t c) { return data()[row * pitch_ + c]; }
  T at(int64_t row, int64_t c) const { return data()[row * pitch_ + c]; }

  // Value i, counted row by row without gaps, becomes f(i).
  template <class F>
  Rows& fill(const F& f) {
    for (int64_t i = 0; i < rows_ * c_; ++i) at(i / c_, i % c_) = T(f(i));
    return *this;
  }

  bool guards_intact() const {
    for (int64_t i = 0; i < int64_t(all_.size()); ++i) {
      const int64_t at = i - kMargin;
      const bool inside = at >= 0 && at < rows_ * pitch_ && at % pitch_ < c_;
      if (!inside && std::memcmp(&all_[size_t(i)], &guard_, sizeof(T)) != 0) return false;
    }
    return true;
  }

 private:
  static constexpr int64_t kMargin = 64;
  int64_t rows_, c_, pitch_;
  T guard_;
  VisibleVector<T> all_;
};

template <class T>
Rows<T> input(int64_t rows, int64_t c, int64_t pitch) {
  return {rows, c, pitch, T(std::numeric_limits<float>::quiet_NaN())};
}
template <class T>
Rows<T> output(int64_t rows, int64_t c, int64_t pitch) {
  return {rows, c, pitch, T(-54321.25F)};
}

// The value as T stores it, or single precision where T has more.
template <class T>
double held(double value) {
  if constexpr (sizeof(T) > sizeof(float)) return double(float(value));
  return double(T(float(value)));
}

// Whole numbers in [-limit, limit], and reals in [-1, 1); the same for every element type. T: the
// values are such that T holds them.
inline auto integers(const char* key, int limit) {
  return [rng = CounterRng(key), limit](int64_t i) {
    return double(int64_t(rng.bits(uint64_t(i)) % uint64_t(2 * limit + 1)) - limit);
  };
}
template <class T = double>
auto reals(const char* key) {
  return [rng = CounterRng(key)](int64_t i) { return held<T>(rng.uniform(uint64_t(i), -1, 1)); };
}

// What the rows that run_kernel() gets are of.
inline Backend current_backend = Backend::cpu;

class BackendScope {
 public:
  explicit BackendScope(Backend backend) { current_backend = backend; }
  ~BackendScope() { current_backend = Backend::cpu; }
  BackendScope(const BackendScope&) = delete;
  BackendScope& operator=(const BackendScope&) = delete;
};

// SF_TEST_BACKEND names the one whose rows are to be run; unset: all.
inline bool wanted(Backend backend) {
  constexpr const char* kNames[] = {"cpu", "simt", "cuda"};
  const char* name = std::getenv("SF_TEST_BACKEND");
  return !name || name == std::string_view(kNames[int(backend)]);
}

// Calls the kernel as a plan does. Workspace and packed weights start as `poison` bytes, but for
// those that are to be zero; 0xFF makes NaNs.
template <class Problem, class Args>
void run_kernel(const Kernel<Problem, Args>& kernel, const Problem& p, Args args,
                int poison = 0xFF) {
  const auto prepared = kernel.prepare ? kernel.prepare(p) : nullptr;
  const auto bytes = [&](size_t size) {
    return VisibleVector<std::max_align_t>(size / sizeof(std::max_align_t) + 16);
  };
  auto workspace = bytes(kernel.workspace_bytes ? kernel.workspace_bytes(p, prepared.get()) : 0);
  const auto aligned = [&](VisibleVector<std::max_align_t>& buffer) {
    std::memset(buffer.data(), poison, buffer.size() * sizeof(buffer[0]));
    // To 64 bytes and to no more, as a plan's may be.
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(buffer.data()) + 127) / 128 * 128 +
                                   64);
  };
  auto packed = bytes(kernel.packed_bytes ? kernel.packed_bytes(p, prepared.get()) : 0);
  if constexpr (requires { args.w; }) {
    if (kernel.pack) {
      void* to = aligned(packed);
      kernel.pack(p, args.w, to, prepared.get());
      args.w = to;
    }
  }
  void* at = aligned(workspace);
  const std::span zeroed(static_cast<char*>(at), kernel.zeroed_bytes ? kernel.zeroed_bytes(p) : 0);
  std::ranges::fill(zeroed, 0);
  kernel.run(p, args, prepared.get(), at, Queue{.backend = current_backend});
  if (current_backend == Backend::cuda) wait_for_device(kernel.name);
  EXPECT_EQ(std::ranges::count(zeroed, 0), std::ssize(zeroed)) << "what is to be left zero";
}

// Fails with the first place where the two differ by more than bound(row, channel).
template <class T, class U, class Bound>
void expect_within(const Rows<T>& found, const Rows<U>& wanted, const Bound& bound) {
  ASSERT_EQ(found.rows(), wanted.rows());
  for (int64_t i = 0; i < found.rows(); ++i)
    for (int64_t c = 0; c < found.channels(); ++c) {
      const double f = double(found.at(i, c)), w = double(wanted.at(i, c)), limit = bound(i, c);
      ASSERT_LE(std::abs(f - w), limit)
          << "found " << f << ", wanted " << w << " at " << i << ", " << c;
    }
}

// Equality as numbers (0 equals -0); a NaN equals a NaN.
template <class T, class U>
void expect_equal(const Rows<T>& found, const Rows<U>& wanted) {
  ASSERT_EQ(found.rows(), wanted.rows());
  for (int64_t i = 0; i < found.rows(); ++i)
    for (int64_t c = 0; c < found.channels(); ++c) {
      const double f = double(found.at(i, c)), w = double(wanted.at(i, c));
      ASSERT_TRUE(f == w || (std::isnan(f) && std::isnan(w)))
          << "found " << f << ", wanted " << w << " at " << i << ", " << c;
    }
}

template <class Problem, class Args>
const Kernel<Problem, Args>& reference_of(std::span<const Kernel<Problem, Args>> table) {
  return table.back();
}

// Calls f() once for each instruction set that this machine has and Highway sources are compiled
// for.
template <class F>
void for_instruction_sets(const F& f) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    f();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// The rows of one table, by backend.
template <class Problem, class Args>
using Table = std::span<const Kernel<Problem, Args>> (*)(Backend);

// f(kernel) for the rows that can run the problem, with a trace of row and case for failures.
template <class Problem, class Args, class F>
void for_runnable(std::span<const Kernel<Problem, Args>> table, const Case<Problem>& c,
                  const F& f) {
  if (!wanted(Backend::cpu)) return;
  for_instruction_sets([&] {
    for (const auto& kernel : table) {
      if (!kernel.can_run(c.problem)) continue;
      SCOPED_TRACE(cat(c.name, ", ", kernel.name));
      f(kernel);
      if (::testing::Test::HasFatalFailure()) return;
    }
  });
}

// The same for the rows of a device.
template <class Problem, class Args, class F>
void for_runnable_on(Backend backend, Table<Problem, Args> table, const Case<Problem>& c,
                     const F& f) {
  const BackendScope scope(backend);
  for (const auto& kernel : table(backend)) {
    if (!kernel.can_run(c.problem)) continue;
    SCOPED_TRACE(cat(c.name, ", ", kernel.name));
    f(kernel);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// The same for the device rows: on the executor with three orders of threads, on CUDA where there
// is a device.
template <class Problem, class Args, class F>
void for_runnable_on_devices(Table<Problem, Args> table, const Case<Problem>& c, const F& f) {
  for (const unsigned seed : {0, 1, 2}) {
    if (!wanted(Backend::simt) || ::testing::Test::HasFatalFailure()) break;
    const simt::ScopedSeed scoped(seed);
    SCOPED_TRACE(cat("simt, seed ", seed));
    for_runnable_on(Backend::simt, table, c, f);
  }
  if (!wanted(Backend::cuda) || cuda::device_count() == 0) return;
  SCOPED_TRACE("cuda");
  for_runnable_on(Backend::cuda, table, c, f);
}

// The same for the rows of every backend: those of the CPU with each instruction set, those of
// devices.
template <class Problem, class Args, class F>
void for_runnable(Table<Problem, Args> table, const Case<Problem>& c, const F& f) {
  for_runnable(table(Backend::cpu), c, f);
  if (::testing::Test::HasFatalFailure()) return;
  for_runnable_on_devices(table, c, f);
}

template <class Problem, class Args>
const Kernel<Problem, Args>& reference_of(Table<Problem, Args> table) {
  return table(Backend::cpu).back();
}

constexpr double kEps = std::numeric_limits<float>::epsilon();

// f(T{}) for the types that tuned rows may take, and for those of 16 bits alone.
template <class F>
void for_half_types(const F& f) {
  const auto traced = [&](auto type) {
    SCOPED_TRACE(name_of(dtype_of<decltype(type)>));
    f(type);
  };
  traced(bf16{});
  traced(f16{});
}
template <class F>
void for_storage_types(const F& f) {
  f(float{});
  for_half_types(f);
}

// How far storing a value as T may move it, beside what arithmetic in single precision does: by
// half a step. Below its normal numbers f16 has steps of 2^-24.
template <class T>
double rounding(double value) {
  if constexpr (std::is_same_v<T, bf16>) return std::abs(value) * 0x1p-8;
  if constexpr (std::is_same_v<T, f16>) return std::max(std::abs(value) * 0x1p-11, 0x1p-25);
  return 0;
}

// Equality of what a half type holds with what single precision gave, rounded.
template <class T>
void expect_rounded(const Rows<T>& found, const Rows<float>& single) {
  Rows<T> wanted = found;
  wanted.fill([&](int64_t i) { return single.at(i / single.channels(), i % single.channels()); });
  expect_equal(found, wanted);
}

}  // namespace sf::test
