// Whole networks: inference, steps of training, and on the cpu the bare sequence of their
// convolutions.
//
//   OMP_NUM_THREADS=2 build/bench_models --benchmark_filter=SLOWFAST_8x8_R50
//   build/bench_models --device cuda --batch 1,8 --benchmark_filter=SLOWFAST_8x8_R50
//   build/bench_models --device simt --cfg configs/synthetic/SLOWFAST_TINY.yaml
//
// NETWORK/CROP/DTYPE/DEVICE is inference, from clips on the host to scores there;
// NETWORK/CROP/DTYPE/DEVICE/in_place the same from clips that are in the plan's memory already, as
// `sf plan --measure` has it, and on the cpu NETWORK/CROP/DTYPE/cpu/layer_by_layer that with no
// layers depth first. NETWORK/CROP/DTYPE/train is a step of training, from
// clips on the host to the loss there; train_recompute the same with SF.RECOMPUTE. CROP is 256x8
// for 8 clips together. On the cpu NETWORK/CROP/DTYPE/onednn_sequence runs nothing but the
// convolutions of the network in order, each a fused channels-last oneDNN primitive with packed
// weights: what is left when everything else costs nothing; onednn_train_sequence those of a step
// of training, forward, by data and by weight.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <typeinfo>
#include <vector>

#include <CLI/CLI.hpp>
#include <benchmark/benchmark.h>

#include "apps/engine/inference.h"
#include "apps/engine/setup.h"
#include "apps/engine/train_step.h"
#include "autograd/ops/conv3d_backward.h"
#include "configs/config.h"
#include "guarded.h"
#include "kernels/base/machine.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "models/weights.h"

namespace {

using namespace sf;

struct Precision {
  std::string name;
  std::vector<std::string> overrides;  // KEY VALUE
};

// A network of a configuration, in one precision on one device.
struct Setting {
  std::string file, network;
  Config config;
  Precision precision;
  Device device;

  int64_t crop(bool train) const {
    return config.get<int64_t>(train ? "DATA.TRAIN_CROP_SIZE" : "DATA.TEST_CROP_SIZE");
  }
};

std::unique_ptr<Model> counter_model(const Config& config) {
  auto model = make_model(config);
  fill_counter_weights(*model);
  return model;
}

std::vector<Tensor> clips_of(const Model& model, int64_t batch, int64_t crop) {
  std::vector<Tensor> clips;
  for (const TensorType& type : model.inputs(batch, crop))
    clips.push_back(Tensor::from(counter_uniform("clip", type.shape.numel(), -2, 2), type.shape));
  return clips;
}

// What kept() made, and of which arguments.
struct Kept {
  std::string key;
  std::shared_ptr<void> made;
};
Kept& last_kept() {
  static Kept last;
  return last;
}

// Runs before any is timed: they take memory, load kernels and are recorded as graphs.
int warm_ups(Device device) { return device.backend == Backend::cuda ? 4 : 1; }

// The T of these arguments. The last one of any type alone is kept: the next may want a device's
// memory.
template <class T, class... Args>
T& kept(const Setting& s, const Args&... args) {
  Kept& last = last_kept();
  const std::string key = cat(typeid(T).name(), " ", s.file, " ", s.precision.name, " ", args...);
  if (key != last.key) {
    last = {};
    last.made = std::make_shared<T>(s, args...);
    last.key = key;
  }
  return *static_cast<T*>(last.made.get());
}

struct Network {
  Network(const Setting& s, int64_t batch)
      : model(counter_model(s.config)),
        inference(*model, s.crop(false),
                  {.device = s.device,
                   .max_batch = batch,
                   .memory_limit_bytes = memory_limit_bytes(s.config, true),
                   .half = half_type(s.config, false),
                   .kernels = kernel_choice(s.config, false)}) {
    SF_CHECK(inference.chunk() == batch, "memory: wanted room for ", batch, " clips, found it for ",
             inference.chunk());
    std::vector<Tensor> clip;
    for (const Tensor& t : clips_of(*model, 1, s.crop(false)))
      clip.push_back(t.reshape({t.shape()[1], t.shape()[2], t.shape()[3], t.shape()[4]}));
    clips.assign(size_t(batch), clip);
    for (int i = 0; i < warm_ups(s.device); ++i) inference.run(clips);
  }

  std::unique_ptr<Model> model;
  Inference inference;
  std::vector<std::vector<Tensor>> clips;
};

// A plan whose inputs stay in place.
struct InPlace {
  InPlace(const Setting& s, int64_t batch, bool depth_first)
      : model(counter_model(s.config)),
        graph(*model, batch, s.crop(false), {.half = half_type(s.config, false)}) {
    graph.graph().move_states_to(s.device);
    PlanOptions options{.device = s.device, .kernels = kernel_choice(s.config, false)};
    if (!depth_first) options.piece_bytes = 0;
    plan = std::make_unique<Plan>(graph.graph(), graph.outputs(), options);
    const std::vector<Tensor> clips = clips_of(*model, batch, s.crop(false));
    for (size_t i = 0; i < clips.size(); ++i)
      plan->feed(graph.inputs()[i], clips[i].to(graph.inputs()[i].type().dtype));
    for (int i = 0; i < warm_ups(s.device); ++i) run();
  }

  void run() {
    plan->run();
    plan->synchronize();
  }

  std::unique_ptr<Model> model;
  InferenceGraph graph;
  std::unique_ptr<Plan> plan;
};

// Steps of training on clips of the training crop, in memory that is there already.
struct Training {
  Training(const Setting& s, int64_t batch, bool recompute)
      : model(counter_model(s.config)), optimizer(*model, s.config) {
    optimizer.set_learning_rate(1e-4);
    TrainStepOptions options = train_step_options(s.config, batch, s.device, {});
    options.recompute = recompute;
    if (options.half == DType::f16) options.scaler = &scaler;
    step = std::make_unique<TrainStep>(*model, optimizer, s.config, options);
    clips = clips_of(*model, batch, options.crop);
    std::vector<int64_t> classes;
    for (int64_t i = 0; i < batch; ++i)
      classes.push_back(i % s.config.get<int64_t>("MODEL.NUM_CLASSES"));
    labels = Tensor::from(classes, {batch});
    for (int i = 0; i < warm_ups(s.device); ++i) run();
  }

  double run() {
    optimizer.set_step(++iteration);
    return step->run(clips, labels, iteration).loss;
  }

  std::unique_ptr<Model> model;
  Optimizer optimizer;
  LossScaler scaler;
  std::unique_ptr<TrainStep> step;
  std::vector<Tensor> clips;
  Tensor labels;
  int64_t iteration = 0;
};

void count(benchmark::State& state, const Plan& plan, int64_t clips) {
  const auto rate = [&](double each) {
    return benchmark::Counter(each * double(state.iterations()), benchmark::Counter::kIsRate);
  };
  state.counters["GFLOP/s"] = rate(plan.flops() * 1e-9);
  state.counters["clips/s"] = rate(double(clips));
  state.counters["MiB"] = double(plan.arena_bytes()) / double(1 << 20);
}

void run_network(benchmark::State& state, const Setting& s, int64_t batch) {
  auto& net = kept<Network>(s, batch);
  for (auto _ : state) benchmark::DoNotOptimize(net.inference.run(net.clips).scores.data());
  count(state, net.inference.plan(), batch);
}

void run_in_place(benchmark::State& state, const Setting& s, int64_t batch, bool depth_first) {
  auto& net = kept<InPlace>(s, batch, depth_first);
  for (auto _ : state) net.run();
  count(state, *net.plan, batch);
}

void run_training(benchmark::State& state, const Setting& s, int64_t batch, bool recompute) {
  auto& t = kept<Training>(s, batch, recompute);
  for (auto _ : state) benchmark::DoNotOptimize(t.run());
  count(state, t.step->plan(), batch);
}

// Memory that all layers of a sequence share.
struct Buffers {
  void want(const Conv3dProblem& p, size_t workspace_bytes) {
    x = std::max(x, size_t(p.n) * p.t * p.h * p.w * p.c);
    y = std::max(y, size_t(p.out_pixels()) * p.k);
    w = std::max(w, size_t(p.k) * p.kt * p.kh * p.kw * p.c / p.groups);
    workspace = std::max(workspace, workspace_bytes);
  }
  void allocate() {
    const auto size = int64_t(std::max(x, y));
    for (Tensor* t : {&a, &b}) *t = Tensor::zeros({{size}});
    weights = Tensor::zeros({{int64_t(w)}});
    scratch = Tensor::zeros({{int64_t(workspace)}, DType::u8});
  }

  size_t x = 0, y = 0, w = 0, workspace = 0;  // elements; the workspace in bytes
  Tensor a, b, weights, scratch;
};

using Call = std::function<void(const Buffers&)>;

// oneDNN's row of a table, whatever rows stand before it.
template <class Problem, class Args>
const Kernel<Problem, Args>& onednn(std::span<const Kernel<Problem, Args>> table,
                                    const Problem& p) {
  for (const auto& kernel : table)
    if (kernel.name == "onednn" && kernel.can_run(p)) return kernel;
  return *select(table, p);
}

// The kernel with weights of its own, packed once where it wants that.
template <class Problem, class Args>
Call prepared_call(const Kernel<Problem, Args>& kernel, const Problem& p, Buffers& buffers,
                   const std::function<Args(const Buffers&)>& args) {
  const auto prepared = kernel.prepare ? kernel.prepare(p) : nullptr;
  buffers.want(p, kernel.workspace_bytes ? kernel.workspace_bytes(p, prepared.get()) : 0);
  Tensor packed;
  if (kernel.packed_bytes && kernel.packed_bytes(p, prepared.get()) > 0) {
    packed = Tensor::zeros({{int64_t(kernel.packed_bytes(p, prepared.get()))}, DType::u8});
    const Tensor weights = Tensor::zeros({{p.k, p.kt, p.kh, p.kw, p.c / p.groups}});
    kernel.pack(p, weights.data(), packed.data(), prepared.get());
  }
  return [=, &kernel](const Buffers& b) {
    Args a = args(b);
    if constexpr (requires { a.w; })
      if (packed) a.w = packed.data();
    kernel.run(p, a, prepared.get(), b.scratch.data(), {});
  };
}

// The convolutions of a plan in order, forward and backward.
std::vector<Call> convolutions(const Plan& plan, Buffers& buffers) {
  std::vector<Call> calls;
  for (const Plan::Step& step : plan.steps()) {
    if (step.piece > 0) continue;
    const OpSite site = plan.blueprint().placement().whole_site(step.node);
    const auto dense = [](Conv3dProblem p) {
      p.x_pitch = p.c, p.y_pitch = p.residual_pitch = p.k;
      return p;
    };
    if (const auto* conv = dynamic_cast<const Conv3dOp*>(step.op.get())) {
      const Conv3dProblem p = dense(conv->problem(site));
      const Tensor bias = Tensor::zeros({{p.k}});
      calls.push_back(prepared_call<Conv3dProblem, Conv3dArgs>(
          onednn(conv3d_kernels(Backend::cpu), p), p, buffers, [p, bias](const Buffers& b) {
            return Conv3dArgs{.x = b.a.data(),
                              .w = b.weights.data(),
                              .bias = p.bias ? bias.data() : nullptr,
                              .residual = p.residual ? b.b.data() : nullptr,
                              .y = b.b.data()};
          }));
    }
    const auto* backward = dynamic_cast<const Conv3dBackwardOp*>(step.op.get());
    if (!backward) continue;
    const Conv3dProblem p = dense(backward->problem(site));
    if (backward->by_weight())
      calls.push_back(prepared_call<Conv3dProblem, Conv3dBackwardWeightArgs>(
          onednn(conv3d_backward_weight_kernels(Backend::cpu), p), p, buffers,
          [](const Buffers& b) {
            return Conv3dBackwardWeightArgs{
                .x = b.a.data(), .dy = b.b.data(), .dw = b.weights.data()};
          }));
    else
      calls.push_back(prepared_call<Conv3dProblem, Conv3dBackwardDataArgs>(
          onednn(conv3d_backward_data_kernels(Backend::cpu), p), p, buffers, [](const Buffers& b) {
            return Conv3dBackwardDataArgs{
                .dy = b.b.data(), .w = b.weights.data(), .dx = b.a.data()};
          }));
  }
  return calls;
}

void run_sequence(benchmark::State& state, const Plan& plan) {
  Buffers buffers;
  const std::vector<Call> calls = convolutions(plan, buffers);
  buffers.allocate();
  for (auto _ : state)
    for (const Call& call : calls) call(buffers);
}

const char* const kNetworks[] = {"SLOWFAST_8x8_R50", "SLOWFAST_4x16_R50", "SLOW_8x8_R50",
                                 "I3D_8x8_R50",      "C2D_8x8_R50",       "I3D_NLN_8x8_R50"};

std::vector<Precision> precisions(Device device) {
  const auto of_type = [](const char* name) { return Precision{name, {"SF.DTYPE", name}}; };
  std::vector<Precision> list{of_type("f32")};
  if (device.backend == Backend::cuda) list.push_back({"tf32", {"SF.TF32", "True"}});
  if (device.backend != Backend::cpu || has_bf16_products()) list.push_back(of_type("bf16"));
  if (device.backend == Backend::cuda) list.push_back(of_type("f16"));
  return list;
}

struct Arguments {
  Device device;
  std::vector<int64_t> batches;
  std::vector<std::string> files, overrides;
};

std::vector<std::string> separated(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

Arguments parse(int argc, char** argv) {
  CLI::App app("whole networks");
  Arguments a;
  std::string device = "cpu", batches, files;
  app.add_option("--device", device, "cpu, simt, cuda, cuda:N");
  app.add_option("--batch", batches, "clips together, as 1,8");
  app.add_option("--cfg", files, "configuration files in the place of the published networks");
  app.add_option("KEY VALUE", a.overrides, "pairs that override the files");
  app.parse(argc, argv);
  a.device = Device::parse(device);
  for (const std::string& batch : separated(batches)) {
    a.batches.push_back(std::atoll(batch.c_str()));
    SF_CHECK(a.batches.back() > 0, "--batch: wanted numbers above 0, found ", batch);
  }
  a.files = separated(files);
  if (a.files.empty())
    for (const std::string name : kNetworks)
      a.files.push_back(cat(SF_SOURCE_DIR, "/configs/Kinetics/", name, ".yaml"));
  return a;
}

bool any_failed = false;

void add(const std::string& name, std::function<void(benchmark::State&)> run) {
  const auto safely = guarded(std::move(run), [](const std::string&) { any_failed = true; });
  benchmark::RegisterBenchmark(name.c_str(), safely)->Unit(benchmark::kMillisecond)->UseRealTime();
}

void register_setting(const Setting& s, const Arguments& a) {
  const std::string device = s.device.name();
  const bool cpu = s.device.backend == Backend::cpu;
  const auto batches = [&](int64_t otherwise) {
    if (!a.batches.empty()) return a.batches;
    return s.device.backend == Backend::cuda ? std::vector<int64_t>{1, 8}
                                             : std::vector<int64_t>{otherwise};
  };
  const auto prefix = [&](bool train, int64_t batch) {
    return cat(s.network, "/", s.crop(train), batch > 1 ? cat("x", batch) : "", "/",
               s.precision.name, "/");
  };
  for (const int64_t batch : batches(1)) {
    const std::string one = prefix(false, batch);
    add(one + device, [=](auto& state) { run_network(state, s, batch); });
    add(one + device + "/in_place", [=](auto& state) { run_in_place(state, s, batch, true); });
    if (!cpu) continue;
    add(one + device + "/layer_by_layer",
        [=](auto& state) { run_in_place(state, s, batch, false); });
    add(one + "onednn_sequence",
        [=](auto& state) { run_sequence(state, kept<Network>(s, batch).inference.plan()); });
  }
  for (const int64_t batch : batches(2)) {
    const std::string step = prefix(true, batch);
    add(step + "train", [=](auto& state) { run_training(state, s, batch, false); });
    add(step + "train_recompute", [=](auto& state) { run_training(state, s, batch, true); });
    if (cpu)
      add(step + "onednn_train_sequence",
          [=](auto& state) { run_sequence(state, kept<Training>(s, batch, false).step->plan()); });
  }
}

void register_networks(const Arguments& a) {
  for (const std::filesystem::path file : a.files) {
    Config config = Config::load(file, a.overrides);
    config.set("SF.DEVICE", a.device.name());
    for (const Precision& precision : precisions(a.device)) {
      Setting s{file.string(), file.stem().string(), config, precision, a.device};
      s.config.merge_pairs(precision.overrides);
      register_setting(s, a);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  follow_onednn_instruction_sets();
  try {
    register_networks(parse(argc, argv));
    run_benchmarks();
    last_kept() = {};  // before what its destructor uses
    return any_failed ? 1 : 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_models: %s\n", e.what());
    return 1;
  }
}
