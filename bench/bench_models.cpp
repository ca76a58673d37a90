// Whole networks on one clip, and for comparison the bare sequence of their convolutions.
//
// Cases are NETWORK/CROP/DTYPE/DEVICE. The extra case NETWORK/CROP/DTYPE/onednn_sequence runs
// nothing but the convolutions of the network in order, each a fused channels-last oneDNN primitive
// with packed weights: what is left when everything else costs nothing.
//   OMP_NUM_THREADS=2 build/bench_models --benchmark_filter=SLOWFAST_8x8_R50
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "apps/engine/inference.h"
#include "autograd/ops/conv3d.h"
#include "configs/config.h"
#include "models/weights.h"

namespace {

using namespace sf;

struct Network {
  explicit Network(const std::string& name)
      : config(Config::load(
            std::filesystem::path(SF_SOURCE_DIR) / "configs/Kinetics" / (name + ".yaml"), {})),
        model(make_model(config)),
        crop(config.get<int64_t>("DATA.TEST_CROP_SIZE")) {
    fill_counter_weights(*model);
    inference = std::make_unique<Inference>(*model, crop, InferenceOptions{});
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

Network& network(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Network>> loaded;
  auto& entry = loaded[name];
  if (!entry) entry = std::make_unique<Network>(name);
  return *entry;
}

void run_network(benchmark::State& state, const std::string& name) {
  Network& net = network(name);
  for (auto _ : state) benchmark::DoNotOptimize(net.inference->run(net.clips).scores.data());
  state.counters["GFLOP/s"] =
      benchmark::Counter(net.inference->plan().flops() * 1e-9 * double(state.iterations()),
                         benchmark::Counter::kIsRate);
}

// One convolution with memory of its own for weights, and two buffers that all of them share.
struct Layer {
  Conv3dProblem problem;
  const Conv3dKernel* kernel = nullptr;
  std::shared_ptr<void> prepared;
  Tensor packed, bias;
};

void run_sequence(benchmark::State& state, const std::string& name) {
  std::vector<Layer> layers;
  size_t largest = 0, workspace = 0;
  for (const Plan::Step& step : network(name).inference->plan().steps()) {
    const auto* conv = dynamic_cast<const Conv3dOp*>(step.op.get());
    if (!conv) continue;
    Layer layer;
    layer.problem = conv->problem(step.site);
    Conv3dProblem& p = layer.problem;
    p.x_pitch = p.c, p.y_pitch = p.residual_pitch = p.k;
    layer.kernel = select(conv3d_kernels(Backend::cpu), p);
    layer.prepared = layer.kernel->prepare(p);
    layer.packed =
        Tensor::zeros({{int64_t(layer.kernel->packed_bytes(p, layer.prepared.get()))}, DType::u8});
    const Tensor weights = Tensor::zeros({{p.k, p.kt, p.kh, p.kw, p.c / p.groups}});
    layer.kernel->pack(p, weights.data(), layer.packed.data(), layer.prepared.get());
    layer.bias = Tensor::zeros({{p.k}});
    largest =
        std::max({largest, size_t(p.n) * p.t * p.h * p.w * p.c, size_t(p.out_pixels()) * p.k});
    workspace = std::max(workspace, layer.kernel->workspace_bytes(p, layer.prepared.get()));
    layers.push_back(std::move(layer));
  }
  const Tensor buffers[] = {Tensor::zeros({{int64_t(largest)}}),
                            Tensor::zeros({{int64_t(largest)}})};
  const Tensor scratch = Tensor::zeros({{int64_t(workspace)}, DType::u8});
  for (auto _ : state)
    for (size_t i = 0; i < layers.size(); ++i) {
      const Layer& l = layers[i];
      std::byte* y = buffers[(i + 1) % 2].data();
      l.kernel->run(l.problem,
                    {.x = buffers[i % 2].data(),
                     .w = l.packed.data(),
                     .bias = l.problem.bias ? l.bias.data() : nullptr,
                     .residual = l.problem.residual ? y : nullptr,
                     .y = y},
                    l.prepared.get(), scratch.data(), {});
    }
}

const char* const kNetworks[] = {"SLOWFAST_8x8_R50", "SLOWFAST_4x16_R50", "SLOW_8x8_R50",
                                 "I3D_8x8_R50",      "C2D_8x8_R50",       "I3D_NLN_8x8_R50"};

}  // namespace

int main(int argc, char** argv) {
  for (const std::string name : kNetworks) {
    benchmark::RegisterBenchmark((name + "/256/f32/cpu").c_str(), run_network, name)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark((name + "/256/f32/onednn_sequence").c_str(), run_sequence, name)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
