// A benchmark whose error is the end of its case, not of the program.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "kernels/base/error.h"

namespace sf {

// failed: gets the error's text, too.
inline std::function<void(benchmark::State&)> guarded(
    std::function<void(benchmark::State&)> run, std::function<void(const std::string&)> failed) {
  return [run = std::move(run), failed = std::move(failed)](benchmark::State& state) {
    try {
      run(state);
    } catch (const Error& e) {
      failed(e.what());
      state.SkipWithError(e.what());
    }
  };
}

// Throws if the command line left no case to run.
inline void run_benchmarks() {
  const size_t cases = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  SF_CHECK(cases > 0, "wanted a benchmark to run, found none that --benchmark_filter lets through");
}

}  // namespace sf
