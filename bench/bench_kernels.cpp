// Single convolutions from shape files: every kernel of the table that can run a problem, its
// result checked before it is timed.
//
//   OMP_NUM_THREADS=2 build/bench_kernels bench/shapes/SLOWFAST_8x8_R50_256.txt
//   [--benchmark_filter=...]
//
// Shape files hold one problem a line, as `sf plan --shapes` prints them. Without a file all of
// bench/shapes are read. GFLOP/s count the direct algorithm, so that faster algorithms show as
// higher rates.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/base/counter_rng.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/problem_text.h"
#include "tensor/tensor.h"

namespace {

using namespace sf;

Tensor random(std::string_view name, Shape shape) {
  Tensor t({shape});
  const CounterRng rng(name);
  for (size_t i = 0; float& v : t.span<float>()) v = rng.uniform(i++, -1, 1);
  return t;
}

struct Buffers {
  explicit Buffers(const Conv3dProblem& p)
      : x(random("x", {p.n, p.t, p.h, p.w, p.c})),
        w(random("w", {p.k, p.kt, p.kh, p.kw, p.c / p.groups})),
        bias(random("bias", {p.k})),
        residual(random("residual", {p.n, p.out_t(), p.out_h(), p.out_w(), p.k})),
        y(residual.clone()) {}
  Tensor x, w, bias, residual, y;
};

// One output and the sum of the magnitudes of its terms, in double precision.
struct Exact {
  double value = 0, magnitude = 0;
};

Exact exact_output(const Conv3dProblem& p, const Buffers& b, int64_t pixel, int k) {
  const int ow = p.out_w(), oh = p.out_h(), ot = p.out_t();
  const auto q = int(pixel % ow), row = int(pixel / ow % oh), z = int(pixel / ow / oh % ot);
  const int64_t n = pixel / ow / oh / ot;
  const int per_group = p.c / p.groups, first = k / (p.k / p.groups) * per_group;
  Exact sum;
  const auto add = [&sum](double term) {
    sum.value += term;
    sum.magnitude += std::abs(term);
  };
  const float *x = b.x.span<float>().data(), *w = b.w.span<float>().data();
  for (int t = 0; t < p.kt; ++t)
    for (int r = 0; r < p.kh; ++r)
      for (int s = 0; s < p.kw; ++s) {
        const int it = z * p.stride[0] - p.pad[0] + t * p.dilation[0],
                  ih = row * p.stride[1] - p.pad[1] + r * p.dilation[1],
                  iw = q * p.stride[2] - p.pad[2] + s * p.dilation[2];
        if (it < 0 || it >= p.t || ih < 0 || ih >= p.h || iw < 0 || iw >= p.w) continue;
        const float* in = x + (((n * p.t + it) * p.h + ih) * p.w + iw) * p.c + first;
        const float* weight = w + (((int64_t{k} * p.kt + t) * p.kh + r) * p.kw + s) * per_group;
        for (int c = 0; c < per_group; ++c) add(double(in[c]) * weight[c]);
      }
  if (p.bias) add(b.bias.span<float>()[size_t(k)]);
  if (p.residual) add(b.residual.span<float>()[size_t(pixel * p.k + k)]);
  if (p.activation == Activation::relu) sum.value = std::max(sum.value, 0.0);
  return sum;
}

// Samples of the output against exact sums. Rounding of an n-term float32 sum stays below n eps
// times the sum of magnitudes; random signs leave far less, so 4 sqrt(n) eps is generous.
// Transformed algorithms get 16 times that.
bool close_to_exact(const Conv3dProblem& p, const Buffers& b, bool exact_kernel) {
  const double terms = double(p.c) / p.groups * p.kt * p.kh * p.kw + 2;
  const double bound = (exact_kernel ? 4 : 64) * std::sqrt(terms) * 6e-8;
  const CounterRng rng("samples");
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto pixel = int64_t(rng.bits(2 * i) % uint64_t(p.out_pixels()));
    const auto k = int(rng.bits(2 * i + 1) % uint64_t(p.k));
    const Exact wanted = exact_output(p, b, pixel, k);
    const double found = b.y.span<float>()[size_t(pixel * p.k + k)];
    if (!(std::abs(found - wanted.value) <= bound * wanted.magnitude)) return false;
  }
  return true;
}

void run_conv(benchmark::State& state, const Conv3dProblem& p, const Conv3dKernel& kernel) {
  const Buffers b(p);
  const auto prepared = kernel.prepare ? kernel.prepare(p) : nullptr;
  Tensor packed = b.w;
  if (const size_t bytes = kernel.packed_bytes ? kernel.packed_bytes(p, prepared.get()) : 0;
      bytes > 0) {
    packed = Tensor({{int64_t(bytes)}, DType::u8});
    kernel.pack(p, b.w.data(), packed.data(), prepared.get());
  }
  const size_t scratch_bytes =
      kernel.workspace_bytes ? kernel.workspace_bytes(p, prepared.get()) : 0;
  const Tensor scratch({{int64_t(scratch_bytes)}, DType::u8});
  // The residual already lies where the sum goes, as a plan places it.
  const Conv3dArgs args{.x = b.x.data(),
                        .w = packed.data(),
                        .bias = p.bias ? b.bias.data() : nullptr,
                        .residual = p.residual ? b.y.data() : nullptr,
                        .y = b.y.data()};
  const auto run = [&] { kernel.run(p, args, prepared.get(), scratch.data(), {}); };
  run();
  if (!close_to_exact(p, b, kernel.exact)) return state.SkipWithError("wrong result");
  for (auto _ : state) run();
  state.counters["GFLOP/s"] = benchmark::Counter(p.flops() * 1e-9 * double(state.iterations()),
                                                 benchmark::Counter::kIsRate);
}

void register_file(const std::filesystem::path& path, bool references) {
  std::ifstream in(path);
  SF_CHECK(in, path.string(), ": cannot be read");
  std::set<std::string> seen;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line[0] == '#' || !line.starts_with("conv3d") || !seen.insert(line).second)
      continue;
    Conv3dProblem p;
    try {
      p = parse_conv3d_problem(line);
    } catch (const Error& e) { throw Error(cat(path.string(), ":", number, ": ", e.what())); }
    SF_CHECK(p.dtype == DType::f32, path.string(), ":", number, ": wanted f32, found ", p.dtype);
    for (const Conv3dKernel& kernel : conv3d_kernels(Backend::cpu)) {
      if (!kernel.can_run(p) ||
          (!references && kernel.name.find("reference") != std::string_view::npos))
        continue;
      const std::string name = cat(path.stem().string(), "/", line, "/", kernel.name);
      benchmark::RegisterBenchmark(name.c_str(), run_conv, p, kernel)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
  }
}

void register_all(int argc, char** argv) {
  bool references = false;
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--references")
      references = true;
    else
      files.emplace_back(argv[i]);
  }
  if (files.empty())
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(SF_SOURCE_DIR) / "bench/shapes"))
      files.push_back(entry.path());
  std::ranges::sort(files);
  for (const auto& file : files) register_file(file, references);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  try {
    register_all(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_kernels: %s\n", e.what());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
