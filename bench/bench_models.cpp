// Whole networks on one clip, and for comparison the bare sequence of their convolutions.
//
// Cases are NETWORK/CROP/DTYPE/DEVICE, bf16 where the processor multiplies it. The extra case
// NETWORK/CROP/DTYPE/onednn_sequence runs nothing but the convolutions of the network in order,
// each a fused channels-last oneDNN primitive with packed weights: what is left when everything
// else costs nothing. NETWORK/224x2/DTYPE/train is a step of training on two clips,
// train_recompute the same with SF.RECOMPUTE,
// onednn_train_sequence its convolutions alone: forward, by data and by weight.
//   OMP_NUM_THREADS=2 build/bench_models --benchmark_filter=SLOWFAST_8x8_R50
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include <benchmark/benchmark.h>

#include "apps/engine/inference.h"
#include "apps/engine/setup.h"
#include "apps/engine/train_step.h"
#include "autograd/ops/conv3d_backward.h"
#include "configs/config.h"
#include "kernels/base/machine.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "models/weights.h"

namespace {

using namespace sf;

struct Network {
  Network(const std::string& name, DType dtype)
      : config(Config::load(
            std::filesystem::path(SF_SOURCE_DIR) / "configs/Kinetics" / (name + ".yaml"),
            std::vector<std::string>{"SF.DTYPE", std::string(name_of(dtype))})),
        model(make_model(config)),
        crop(config.get<int64_t>("DATA.TEST_CROP_SIZE")) {
    fill_counter_weights(*model);
    inference = std::make_unique<Inference>(*model, crop,
                                            InferenceOptions{.half = half_type(config, false)});
    std::vector<Tensor> clip;
    for (const TensorType& type : model->inputs(1, crop))
      clip.push_back(Tensor::from(counter_uniform("clip", type.shape.numel(), -2, 2), type.shape)
                         .reshape({type.shape[1], type.shape[2], type.shape[3], type.shape[4]}));
    clips.push_back(clip);
  }

  Config config;
  std::unique_ptr<Model> model;
  int64_t crop;
  std::unique_ptr<Inference> inference;
  std::vector<std::vector<Tensor>> clips;
};

Network& network(const std::string& name, DType dtype) {
  static std::map<std::pair<std::string, DType>, std::unique_ptr<Network>> loaded;
  auto& entry = loaded[{name, dtype}];
  if (!entry) entry = std::make_unique<Network>(name, dtype);
  return *entry;
}

void run_network(benchmark::State& state, const std::string& name, DType dtype) {
  Network& net = network(name, dtype);
  for (auto _ : state) benchmark::DoNotOptimize(net.inference->run(net.clips).scores.data());
  state.counters["GFLOP/s"] =
      benchmark::Counter(net.inference->plan().flops() * 1e-9 * double(state.iterations()),
                         benchmark::Counter::kIsRate);
}

// A step of training on two clips of the training crop, in memory that is there already.
struct Training {
  static constexpr int64_t kBatch = 2;

  Training(const Network& net, bool recompute) : model(make_model(net.config)) {
    fill_counter_weights(*model);
    optimizer = std::make_unique<Optimizer>(*model, net.config);
    optimizer->set_learning_rate(1e-4);
    TrainStepOptions options = train_step_options(net.config, kBatch, {});
    options.recompute = recompute;
    step = std::make_unique<TrainStep>(*model, *optimizer, net.config, options);
    for (const TensorType& type : model->inputs(kBatch, options.crop))
      clips.push_back(Tensor::from(counter_uniform("clip", type.shape.numel(), -2, 2), type.shape));
    run(1);  // takes the memory
  }

  TrainStep::Result run(int64_t iteration) {
    optimizer->set_step(iteration);
    return step->run(clips, labels, iteration);
  }

  std::unique_ptr<Model> model;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainStep> step;
  std::vector<Tensor> clips;
  Tensor labels = Tensor::from<int64_t>({3, 7}, {kBatch});
};

Training& training(const std::string& name, DType dtype, bool recompute = false) {
  static std::map<std::tuple<std::string, DType, bool>, std::unique_ptr<Training>> loaded;
  auto& entry = loaded[{name, dtype, recompute}];
  if (!entry) entry = std::make_unique<Training>(network(name, dtype), recompute);
  return *entry;
}

void run_training(benchmark::State& state, const std::string& name, DType dtype, bool recompute) {
  Training& t = training(name, dtype, recompute);
  int64_t i = 1;
  for (auto _ : state) benchmark::DoNotOptimize(t.run(++i).loss);
  const Plan& plan = t.step->plan();
  state.counters["GFLOP/s"] = benchmark::Counter(plan.flops() * 1e-9 * double(state.iterations()),
                                                 benchmark::Counter::kIsRate);
  state.counters["MiB"] = double(plan.arena_bytes()) / double(1 << 20);
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
    const auto dense = [](Conv3dProblem p) {
      p.x_pitch = p.c, p.y_pitch = p.residual_pitch = p.k;
      return p;
    };
    if (const auto* conv = dynamic_cast<const Conv3dOp*>(step.op.get())) {
      const Conv3dProblem p = dense(conv->problem(step.site));
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
    const Conv3dProblem p = dense(backward->problem(step.site));
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

}  // namespace

int main(int argc, char** argv) {
  const auto add = [](const std::string& name, auto run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMillisecond)->UseRealTime();
  };
  for (const std::string name : kNetworks)
    for (const DType dtype : {DType::f32, DType::bf16}) {
      if (dtype == DType::bf16 && !has_bf16_products()) continue;
      const std::string one = cat(name, "/256/", dtype), step = cat(name, "/224x2/", dtype);
      add(one + "/cpu", [=](auto& state) { run_network(state, name, dtype); });
      add(one + "/onednn_sequence",
          [=](auto& state) { run_sequence(state, network(name, dtype).inference->plan()); });
      add(step + "/train", [=](auto& state) { run_training(state, name, dtype, false); });
      add(step + "/train_recompute", [=](auto& state) { run_training(state, name, dtype, true); });
      add(step + "/onednn_train_sequence",
          [=](auto& state) { run_sequence(state, training(name, dtype).step->plan()); });
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
