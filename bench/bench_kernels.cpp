// Single convolutions from shape files: every kernel of the tables that can run a problem, its
// result checked before it is timed.
//
//   OMP_NUM_THREADS=2 build/bench_kernels bench/shapes/SLOWFAST_8x8_R50_256.txt
//   build/bench_kernels --device cuda --dtype bf16 --gradients --csv times.csv --svg times.svg
//
// Shape files hold one problem a line, as `sf plan --shapes` prints them. Without a file all of
// bench/shapes are read. TFLOP/s count the direct algorithm, so that faster algorithms show as
// higher rates; GB/s what must be read and written once; roofline_% is the least time for both by
// the peaks of the device, over the time taken: of a GPU by its properties, of the processor as
// measured at the start, also for simt, which runs on it. On a GPU each run finds a second-level
// cache that holds none of its data, with --warm one that the run before has left; elsewhere they
// are warm. Ends with status 1 if a result was wrong or a kernel could not run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <benchmark/benchmark.h>

#include "conv3d_check.h"
#include "guarded.h"
#include "host_peaks.h"
#include "kernel_report.h"
#include "kernels/base/cuda/peaks.h"
#include "kernels/base/machine.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/problem_text.h"

namespace {

using namespace sf;

struct Options {
  Device device;
  DType dtype = DType::f32;
  bool tf32 = false, gradients = false, references = false, warm = false;
  std::vector<std::filesystem::path> files;
  std::filesystem::path csv, svg;
  std::string type;  // as --dtype says it
  std::optional<Peaks> peaks;
  std::vector<KernelTime>* times = nullptr;  // of all rows that ran
};

// A row of a table on a problem of a file.
struct Case {
  const Options& options;
  std::string file, line, direction;
  Conv3dProblem problem;
  std::string kernel;

  std::string name() const {
    return cat(file, "/", to_text(problem), direction == "forward" ? "" : "/" + direction, "/",
               kernel);
  }
  KernelTime time() const {
    return {.file = file, .direction = direction, .problem = line, .kernel = kernel};
  }
  void failed(const std::string& why) const {
    KernelTime t = time();
    t.fault = why;
    keep(*options.times, t);
  }
};

// Of the last problem: they serve all rows of it.
const ConvolutionData& data_of(const Conv3dProblem& p) {
  static std::string made_for;
  static std::unique_ptr<ConvolutionData> last;
  if (std::string text = to_text(p); text != made_for) {
    last = std::make_unique<ConvolutionData>(p);
    made_for = std::move(text);
  }
  return *last;
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

// Seconds of a run.
template <class Run>
double time_on_host(benchmark::State& state, const Run& run) {
  double sum = 0;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    run(Queue{.backend = Backend::cpu});
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(taken.count());
    sum += taken.count();
  }
  return sum / double(state.iterations());
}

template <class Run>
double time_on_device(benchmark::State& state, Device device, bool warm, const Run& run) {
  static const CacheFlush flush(device);
  const cuda::Stream stream(device.index);
  cuda::Event begin(device.index), end(device.index);
  // Behind a flush the device still works while a run is launched; warm runs hide each other's
  // launches.
  const int runs = warm ? 10 : 1;
  double sum = 0;
  for (auto _ : state) {
    if (!warm) flush();
    begin.record(stream);
    for (int i = 0; i < runs; ++i) run(stream.queue());
    end.record(stream);
    const double taken = cuda::Event::milliseconds(begin, end) * 1e-3 / runs;
    state.SetIterationTime(taken);
    sum += taken;
  }
  return sum / double(state.iterations());
}

// A row with its memory on a device.
template <class Args>
class Bench {
 public:
  Bench(Device device, const Conv3dProblem& p, const Kernel<Conv3dProblem, Args>& kernel)
      : device_(device),
        p_(p),
        kernel_(kernel),
        prepared_(kernel.prepare ? kernel.prepare(p) : nullptr) {
    if (kernel.workspace_bytes) scratch_ = bytes(kernel.workspace_bytes(p, prepared_.get()));
    if (kernel.zeroed_bytes) fill_bytes(scratch_.data(), device, 0, kernel.zeroed_bytes(p));
  }

  Tensor on_device(const Tensor& t, DType dtype) const { return t.to(dtype).copy_on(device_); }
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
  // What the arguments point to holds the result afterwards. Throws if the device refused the run.
  void run(const Args& args) const {
    run(args, {.backend = device_.backend});
    check_launches();
  }
  void time(benchmark::State& state, const Case& c, const Args& args, double least_bytes) const {
    const auto once = [&](Queue queue) { run(args, queue); };
    KernelTime t = c.time();
    t.seconds = device_.is_host() ? time_on_host(state, once)
                                  : time_on_device(state, device_, c.options.warm, once);
    check_launches();
    t.operations = p_.flops();
    t.bytes = least_bytes;
    state.counters["TFLOP/s"] = t.operations / t.seconds * 1e-12;
    state.counters["GB/s"] = t.bytes / t.seconds * 1e-9;
    if (c.options.peaks) {
      const Work work{
          .bytes = t.bytes, .operations = t.operations, .type = p_.dtype, .tf32 = p_.tf32};
      t.share = roofline_seconds(work, *c.options.peaks) / t.seconds;
      state.counters["roofline_%"] = 100 * t.share;
    }
    keep(*c.options.times, t);
  }

 private:
  void check_launches() const {
    if (!device_.is_host()) cuda::check_launches(kernel_.name);
  }
  Tensor bytes(size_t size) const { return Tensor({{int64_t(size)}, DType::u8}, device_); }

  Device device_;
  const Conv3dProblem& p_;
  const Kernel<Conv3dProblem, Args>& kernel_;
  std::shared_ptr<void> prepared_;
  Tensor scratch_;
};

// Elements of x that a window of some output covers.
double covered_inputs(const Conv3dProblem& p) {
  const auto covered = [](int in, int out, int window) {
    return std::min<double>(in, double(out) * window);
  };
  return double(p.n) * p.c * covered(p.t, p.out_t(), p.kt) * covered(p.h, p.out_h(), p.kh) *
         covered(p.w, p.out_w(), p.kw);
}
double weights(const Conv3dProblem& p) { return double(p.k) * p.kt * p.kh * p.kw * p.c / p.groups; }
double outputs(const Conv3dProblem& p) { return double(p.out_pixels()) * p.k; }

// A tensor of NaN for a result, so that what no kernel wrote is not taken for one.
Tensor unwritten(const Shape& shape, DType dtype, Device device) {
  Tensor t({shape, dtype}, device);
  fill_bytes(t.data(), device, 0xff, size_t(t.type().bytes()));
  return t;
}

void require_right(bool right) { SF_CHECK(right, "wrong result"); }

Tensor read_back(const Tensor& t) { return t.to(Device{}).to(DType::f32); }

void run_forward(benchmark::State& state, const Case& c, const Conv3dKernel& kernel) {
  const Conv3dProblem& p = c.problem;
  const ConvolutionData& b = data_of(p);
  const Bench<Conv3dArgs> bench(c.options.device, p, kernel);
  const Tensor x = bench.on_device(b.x, p.dtype), w = bench.packed(bench.on_device(b.w, p.dtype)),
               bias = bench.on_device(b.bias, DType::f32),
               y = p.residual ? bench.on_device(b.residual, p.dtype)
                              : unwritten(b.residual.shape(), p.dtype, c.options.device);
  // The residual already lies where the sum goes, as a plan places it.
  const Conv3dArgs args{.x = x.data(),
                        .w = w.data(),
                        .bias = p.bias ? bias.data() : nullptr,
                        .residual = p.residual ? y.data() : nullptr,
                        .y = y.data()};
  bench.run(args);
  require_right(close_to_exact(p, b, read_back(y), kernel.exact));
  const double elements = covered_inputs(p) + weights(p) + outputs(p) * (p.residual ? 2 : 1);
  bench.time(state, c, args, elements * double(size_of(p.dtype)));
}

void run_by_data(benchmark::State& state, const Case& c, const Conv3dBackwardDataKernel& kernel) {
  const Conv3dProblem& p = c.problem;
  const ConvolutionData& b = data_of(p);
  const Bench<Conv3dBackwardDataArgs> bench(c.options.device, p, kernel);
  const Tensor dy = bench.on_device(b.residual, p.dtype),
               w = bench.packed(bench.on_device(b.w, p.dtype)),
               dx = unwritten(b.x.shape(), p.dtype, c.options.device);
  const Conv3dBackwardDataArgs args{.dy = dy.data(), .w = w.data(), .dx = dx.data()};
  bench.run(args);
  require_right(close_by_data(p, b, read_back(dx), kernel.exact));
  const double elements = outputs(p) + weights(p) + double(dx.numel());
  bench.time(state, c, args, elements * double(size_of(p.dtype)));
}

void run_by_weight(benchmark::State& state, const Case& c,
                   const Conv3dBackwardWeightKernel& kernel) {
  const Conv3dProblem& p = c.problem;
  const ConvolutionData& b = data_of(p);
  const Bench<Conv3dBackwardWeightArgs> bench(c.options.device, p, kernel);
  const Tensor x = bench.on_device(b.x, p.dtype), dy = bench.on_device(b.residual, p.dtype),
               dw = unwritten(b.w.shape(), DType::f32, c.options.device);
  const Conv3dBackwardWeightArgs args{.x = x.data(), .dy = dy.data(), .dw = dw.data()};
  bench.run(args);
  require_right(close_by_weight(p, b, read_back(dw), kernel.exact));
  bench.time(state, c, args,
             (covered_inputs(p) + outputs(p)) * double(size_of(p.dtype)) + 4 * weights(p));
}

template <class Table, class Run>
void register_rows(const Case& c, Table table, Run run) {
  for (const auto& kernel : table) {
    const bool slow = kernel.name == "reference" || kernel.name == "direct";
    if (!kernel.can_run(c.problem) || (slow && !c.options.references)) continue;
    Case row = c;
    row.kernel = kernel.name;
    benchmark::RegisterBenchmark(
        row.name().c_str(),
        guarded([row, run, &kernel](benchmark::State& state) { run(state, row, kernel); },
                [row](const std::string& why) { row.failed(why); }))
        ->Unit(benchmark::kMicrosecond)
        ->UseManualTime();
  }
}

void register_problem(const Options& options, const std::string& file, const std::string& line) {
  Conv3dProblem p = parse_conv3d_problem(line);
  p.dtype = options.dtype;
  p.tf32 = options.tf32;
  p.winograd = true;
  const Backend backend = options.device.backend;
  const auto add = [&](const char* direction, auto table, auto run) {
    register_rows({.options = options,
                   .file = file,
                   .line = line,
                   .direction = direction,
                   .problem = p,
                   .kernel = ""},
                  table, run);
  };
  add("forward", conv3d_kernels(backend), run_forward);
  if (!options.gradients) return;
  p.bias = p.residual = false;
  p.activation = Activation::none;
  add("by_data", conv3d_backward_data_kernels(backend), run_by_data);
  add("by_weight", conv3d_backward_weight_kernels(backend), run_by_weight);
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
      register_problem(options, path.stem().string(), line);
    } catch (const Error& e) { throw Error(cat(path.string(), ":", number, ": ", e.what())); }
  }
}

Options parse(int argc, char** argv) {
  CLI::App app("single convolutions from shape files");
  Options options;
  std::string device = "cpu";
  options.type = "f32";
  app.add_option("--device", device, "cpu, simt, cuda, cuda:N");
  app.add_option("--dtype", options.type, "in the place of the files' type: f32, tf32, bf16, f16");
  app.add_flag("--gradients", options.gradients, "also those by data and by weight");
  app.add_flag("--references", options.references, "also the slow rows");
  app.add_flag("--warm", options.warm, "leave in a GPU's second-level cache what runs leave there");
  app.add_option("--csv", options.csv, "write the times to this file");
  app.add_option("--svg", options.svg, "draw the shares of the roofline to this file");
  app.add_option("FILE", options.files, "shape files");
  app.parse(argc, argv);
  options.device = Device::parse(device);
  options.tf32 = options.type == "tf32";
  options.dtype = options.tf32 ? DType::f32 : parse_dtype(options.type);
  if (options.files.empty())
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(SF_SOURCE_DIR) / "bench/shapes"))
      options.files.push_back(entry.path());
  std::ranges::sort(options.files);
  return options;
}

std::optional<Peaks> peaks_of(const Options& options) {
  if (options.device.is_host()) return measured_host_peaks(options.dtype);
  return cuda::peaks_of(cuda::properties(options.device.index));
}

// "simt (processor's name)".
std::string described(Device device) {
  const std::string name = device.is_host() ? processor_name() : cuda::device_name(device.index);
  return name.empty() ? device.name() : cat(device.name(), " (", name, ")");
}

std::string described(const Peaks& peaks, const Options& options) {
  return cat(peaks.operations(options.dtype, options.tf32) * 1e-12, " TFLOP/s, ",
             peaks.bandwidth * 1e-9, " GB/s",
             options.device.is_host() ? ", measured" : ", by its properties");
}

void write_reports(const Options& options, const std::string& device) {
  const std::vector<KernelTime>& times = *options.times;
  if (!options.csv.empty()) write_kernel_csv(options.csv, device, options.type, times);
  if (!options.svg.empty())
    write_kernel_diagram(options.svg, cat("convolutions on ", device, ", ", options.type), times);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  follow_onednn_instruction_sets();
  try {
    std::vector<KernelTime> times;
    Options options = parse(argc, argv);
    options.times = &times;
    const cuda::DeviceScope scope(options.device.is_host() ? std::nullopt
                                                           : std::optional(options.device.index));
    options.peaks = peaks_of(options);
    const std::string device = described(options.device);
    benchmark::AddCustomContext("device", device);
    benchmark::AddCustomContext(
        "peaks", options.peaks ? described(*options.peaks, options) : "not known of this GPU");
    for (const auto& file : options.files) register_file(options, file);
    run_benchmarks();
    write_reports(options, device);
    return std::ranges::all_of(times, [](const KernelTime& t) { return t.fault.empty(); }) ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_kernels: %s\n", e.what());
    return 1;
  }
}
