// Single convolutions from shape files: every kernel of the tables that can run a problem, its
// result checked before it is timed.
//
//   OMP_NUM_THREADS=2 build/bench_kernels bench/shapes/SLOWFAST_8x8_R50_256.txt
//   build/bench_kernels --device cuda --dtype bf16 --gradients --benchmark_format=csv
//
// Shape files hold one problem a line, as `sf plan --shapes` prints them. Without a file all of
// bench/shapes are read. --dtype: f32, tf32, bf16 or f16 in the place of the file's type.
// --gradients: also those by data and by weight. --references: also the slow rows. On a device
// each run finds a second-level cache that holds none of its data. GFLOP/s count the direct
// algorithm, so that faster algorithms show as higher rates; GB/s each input and output once.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <benchmark/benchmark.h>

#include "kernels/base/counter_rng.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/problem_text.h"
#include "tensor/tensor.h"

namespace {

using namespace sf;

struct Options {
  Device device;
  DType dtype = DType::f32;
  bool tf32 = false, gradients = false, references = false;
  std::vector<std::filesystem::path> files;
};

// Numbers that the type holds exactly, in float32.
Tensor random(std::string_view name, Shape shape, DType dtype) {
  Tensor t({shape});
  const CounterRng rng(name);
  for (size_t i = 0; float& v : t.span<float>()) v = rng.uniform(i++, -1, 1);
  return t.to(dtype).to(DType::f32);
}

// In float32 on the host.
struct Buffers {
  explicit Buffers(const Conv3dProblem& p)
      : x(random("x", {p.n, p.t, p.h, p.w, p.c}, p.dtype)),
        w(random("w", {p.k, p.kt, p.kh, p.kw, p.c / p.groups}, p.dtype)),
        bias(random("bias", {p.k}, DType::f32)),
        residual(random("residual", {p.n, p.out_t(), p.out_h(), p.out_w(), p.k}, p.dtype)) {}
  Tensor x, w, bias, residual;
};

// Of the last problem: they serve all rows of it.
const Buffers& buffers_of(const Conv3dProblem& p) {
  static std::string made_for;
  static std::unique_ptr<Buffers> last;
  if (std::string text = to_text(p); text != made_for) {
    last = std::make_unique<Buffers>(p);
    made_for = std::move(text);
  }
  return *last;
}

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

// Half a unit in the last place of what products and results are rounded to.
double rounding(const Conv3dProblem& p) {
  if (p.dtype == DType::bf16) return 0x1p-9;
  return p.dtype == DType::f16 || p.tf32 ? 0x1p-11 : 0x1p-24;
}

// Samples of the output against exact sums. Rounding of an n-term float32 sum stays below n eps
// times the sum of magnitudes; random signs leave far less, so 4 sqrt(n) eps is generous.
// Transformed algorithms get 16 times that. Results and factors of fewer bits are rounded once.
bool close_to_exact(const Conv3dProblem& p, const Buffers& b, const Tensor& y, bool exact_kernel) {
  const double terms = double(p.c) / p.groups * p.kt * p.kh * p.kw + 2;
  const double bound = (exact_kernel ? 4 : 64) * std::sqrt(terms) * 6e-8 + 2 * rounding(p);
  const CounterRng rng("samples");
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto pixel = int64_t(rng.bits(2 * i) % uint64_t(p.out_pixels()));
    const auto k = int(rng.bits(2 * i + 1) % uint64_t(p.k));
    const Exact wanted = exact_output(p, b, pixel, k);
    const double found = y.span<float>()[size_t(pixel * p.k + k)];
    if (!(std::abs(found - wanted.value) <= bound * wanted.magnitude)) return false;
  }
  return true;
}

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (size_t i = 0; const float v : a.span<float>()) sum += double(v) * b.span<float>()[i++];
  return sum;
}

// Overwrites what a second-level cache holds.
class CacheFlush {
 public:
  explicit CacheFlush(Device device) : junk_({{kBytes}, DType::u8}, device) {}
  void operator()() const { fill_bytes(junk_.data(), junk_.device(), 0, kBytes); }

 private:
  static constexpr int64_t kBytes = 256 << 20;
  Tensor junk_;
};

template <class Run>
void time_on_host(benchmark::State& state, const Run& run) {
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    run(Queue{.backend = Backend::cpu});
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(taken.count());
  }
}

template <class Run>
void time_on_device(benchmark::State& state, Device device, const Run& run) {
  static const CacheFlush flush(device);
  const cuda::Stream stream(device.index);
  cuda::Event begin(device.index), end(device.index);
  for (auto _ : state) {
    flush();
    begin.record(stream);
    run(stream.queue());
    end.record(stream);
    state.SetIterationTime(cuda::Event::milliseconds(begin, end) * 1e-3);
  }
}

// A row with its memory on a device.
template <class Args>
class Bench {
 public:
  Bench(const Options& options, const Conv3dProblem& p, const Kernel<Conv3dProblem, Args>& kernel)
      : options_(options),
        p_(p),
        kernel_(kernel),
        prepared_(kernel.prepare ? kernel.prepare(p) : nullptr) {
    if (kernel.workspace_bytes) scratch_ = bytes(kernel.workspace_bytes(p, prepared_.get()));
    if (kernel.zeroed_bytes) fill_bytes(scratch_.data(), options.device, 0, kernel.zeroed_bytes(p));
  }

  Tensor on_device(const Tensor& t, DType dtype) const {
    return t.to(dtype).copy_on(options_.device);
  }
  Tensor packed(const Tensor& w) const {
    const size_t size = kernel_.packed_bytes ? kernel_.packed_bytes(p_, prepared_.get()) : 0;
    if (size == 0) return w;
    Tensor packed = bytes(size);
    kernel_.pack(p_, w.data(), packed.data(), prepared_.get());
    return packed;
  }
  void run(const Args& args, Queue queue) const {
    kernel_.run(p_, args, prepared_.get(), scratch_ ? scratch_.data() : nullptr, queue);
  }
  void time(benchmark::State& state, const Args& args, double moved_bytes) const {
    const auto once = [&](Queue queue) { run(args, queue); };
    if (options_.device.is_host())
      time_on_host(state, once);
    else
      time_on_device(state, options_.device, once);
    const auto rate = [&](double each) {
      return benchmark::Counter(each * 1e-9 * double(state.iterations()),
                                benchmark::Counter::kIsRate);
    };
    state.counters["GFLOP/s"] = rate(p_.flops());
    state.counters["GB/s"] = rate(moved_bytes);
  }
  Queue queue() const { return {.backend = options_.device.backend}; }

 private:
  Tensor bytes(size_t size) const { return Tensor({{int64_t(size)}, DType::u8}, options_.device); }

  const Options& options_;
  const Conv3dProblem& p_;
  const Kernel<Conv3dProblem, Args>& kernel_;
  std::shared_ptr<void> prepared_;
  Tensor scratch_;
};

double total_bytes(std::initializer_list<Tensor> tensors) {
  double sum = 0;
  for (const Tensor& t : tensors) sum += double(t.type().bytes());
  return sum;
}

Tensor read_back(const Tensor& t) { return t.to(Device{}).to(DType::f32); }

void run_forward(benchmark::State& state, const Options& options, const Conv3dProblem& p,
                 const Conv3dKernel& kernel) {
  const Buffers& b = buffers_of(p);
  const Bench<Conv3dArgs> bench(options, p, kernel);
  const Tensor x = bench.on_device(b.x, p.dtype), w = bench.packed(bench.on_device(b.w, p.dtype)),
               bias = bench.on_device(b.bias, DType::f32), y = bench.on_device(b.residual, p.dtype);
  // The residual already lies where the sum goes, as a plan places it.
  const Conv3dArgs args{.x = x.data(),
                        .w = w.data(),
                        .bias = p.bias ? bias.data() : nullptr,
                        .residual = p.residual ? y.data() : nullptr,
                        .y = y.data()};
  bench.run(args, bench.queue());
  if (!close_to_exact(p, b, read_back(y), kernel.exact)) return state.SkipWithError("wrong result");
  bench.time(state, args, total_bytes({x, w, y}) + (p.residual ? total_bytes({y}) : 0));
}

// The gradients of <dy, conv(x, w)> by x and by w, times x and w, are all that number: what a
// gradient that is right gives, but for roundings, whose signs are random.
bool close_to_adjoint(const Conv3dProblem& p, double found, const Tensor& y, const Tensor& dy) {
  const double wanted = dot(y, dy);
  return std::abs(found - wanted) <= 16 * rounding(p) * std::sqrt(dot(y, y) * dot(dy, dy));
}

// What conv(x, w) gives, of the last problem.
const Tensor& forward_result(const Options& options, const Conv3dProblem& p) {
  static std::string made_for;
  static Tensor last;
  std::string text = to_text(p);
  if (text == made_for) return last;
  const Buffers& b = buffers_of(p);
  const Bench<Conv3dArgs> bench(options, p, *select(conv3d_kernels(options.device.backend), p));
  const Tensor x = bench.on_device(b.x, p.dtype), w = bench.packed(bench.on_device(b.w, p.dtype)),
               y = bench.on_device(b.residual, p.dtype);
  bench.run({.x = x.data(), .w = w.data(), .y = y.data()}, bench.queue());
  last = read_back(y);
  made_for = std::move(text);
  return last;
}

void run_by_data(benchmark::State& state, const Options& options, const Conv3dProblem& p,
                 const Conv3dBackwardDataKernel& kernel) {
  const Buffers& b = buffers_of(p);
  const Bench<Conv3dBackwardDataArgs> bench(options, p, kernel);
  const Tensor dy = bench.on_device(b.residual, p.dtype),
               w = bench.packed(bench.on_device(b.w, p.dtype)),
               dx({b.x.shape(), p.dtype}, options.device);
  const Conv3dBackwardDataArgs args{.dy = dy.data(), .w = w.data(), .dx = dx.data()};
  bench.run(args, bench.queue());
  if (!close_to_adjoint(p, dot(read_back(dx), b.x), forward_result(options, p), b.residual))
    return state.SkipWithError("wrong result");
  bench.time(state, args, total_bytes({dy, w, dx}));
}

void run_by_weight(benchmark::State& state, const Options& options, const Conv3dProblem& p,
                   const Conv3dBackwardWeightKernel& kernel) {
  const Buffers& b = buffers_of(p);
  const Bench<Conv3dBackwardWeightArgs> bench(options, p, kernel);
  const Tensor x = bench.on_device(b.x, p.dtype), dy = bench.on_device(b.residual, p.dtype),
               dw({b.w.shape(), DType::f32}, options.device);
  const Conv3dBackwardWeightArgs args{.x = x.data(), .dy = dy.data(), .dw = dw.data()};
  bench.run(args, bench.queue());
  if (!close_to_adjoint(p, dot(read_back(dw), b.w), forward_result(options, p), b.residual))
    return state.SkipWithError("wrong result");
  bench.time(state, args, total_bytes({x, dy, dw}));
}

template <class Table, class Run>
void register_rows(const Options& options, const std::string& name, const Conv3dProblem& p,
                   Table table, Run run) {
  for (const auto& kernel : table) {
    const bool slow = kernel.name == "reference" || kernel.name == "direct";
    if (!kernel.can_run(p) || (slow && !options.references)) continue;
    benchmark::RegisterBenchmark(
        cat(name, "/", kernel.name).c_str(),
        [=, &options, &kernel](benchmark::State& state) { run(state, options, p, kernel); })
        ->Unit(benchmark::kMicrosecond)
        ->UseManualTime();
  }
}

void register_problem(const Options& options, const std::string& file, Conv3dProblem p) {
  p.dtype = options.dtype;
  p.tf32 = options.tf32;
  const Backend backend = options.device.backend;
  const std::string name = cat(file, "/", to_text(p));
  register_rows(options, name, p, conv3d_kernels(backend), run_forward);
  if (!options.gradients) return;
  p.bias = p.residual = false;
  p.activation = Activation::none;
  register_rows(options, name + "/by_data", p, conv3d_backward_data_kernels(backend), run_by_data);
  register_rows(options, name + "/by_weight", p, conv3d_backward_weight_kernels(backend),
                run_by_weight);
}

void register_file(const Options& options, const std::filesystem::path& path) {
  std::ifstream in(path);
  SF_CHECK(in, path.string(), ": cannot be read");
  std::set<std::string> seen;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line[0] == '#' || !line.starts_with("conv3d") || !seen.insert(line).second)
      continue;
    try {
      register_problem(options, path.stem().string(), parse_conv3d_problem(line));
    } catch (const Error& e) { throw Error(cat(path.string(), ":", number, ": ", e.what())); }
  }
}

Options parse(int argc, char** argv) {
  CLI::App app("single convolutions from shape files");
  Options options;
  std::string device = "cpu", dtype = "f32";
  app.add_option("--device", device, "cpu, simt, cuda, cuda:N");
  app.add_option("--dtype", dtype, "f32, tf32, bf16, f16");
  app.add_flag("--gradients", options.gradients, "also those by data and by weight");
  app.add_flag("--references", options.references, "also the slow rows");
  app.add_option("FILE", options.files, "shape files");
  app.parse(argc, argv);
  options.device = Device::parse(device);
  options.tf32 = dtype == "tf32";
  options.dtype = options.tf32 ? DType::f32 : parse_dtype(dtype);
  if (options.files.empty())
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(SF_SOURCE_DIR) / "bench/shapes"))
      options.files.push_back(entry.path());
  std::ranges::sort(options.files);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  Options options;
  try {
    options = parse(argc, argv);
    for (const auto& file : options.files) register_file(options, file);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_kernels: %s\n", e.what());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
