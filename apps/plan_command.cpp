#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "apps/commands.h"
#include "apps/engine/inference.h"
#include "apps/engine/planned_ranks.h"
#include "apps/engine/setup.h"
#include "apps/engine/training_graph.h"
#include "autograd/plan/measurement.h"

namespace sf {
namespace {

struct PlanArguments {
  ConfigArguments config;
  std::string device;
  int64_t batch = 1;
  bool train = false;
  bool shapes = false;
  bool measure = false;
};

void print(const Blueprint& blueprint, bool shapes) {
  std::fputs((shapes ? blueprint.shapes() : blueprint.describe()).c_str(), stdout);
}

void measure(Graph& graph, const std::vector<Value>& outputs, const std::vector<Value>& inputs,
             PlanOptions options) {
  graph.move_states_to(options.device);
  options.memory = std::make_shared<ArenaMemory>(options.device);
  Plan whole(graph, outputs, options);
  options.lanes = 1;
  Plan one_lane(graph, outputs, options);
  const Measurement found = measure(one_lane, whole, inputs);
  std::fputs(one_lane.blueprint().describe(found.steps).c_str(), stdout);
  fmt::print("measured: {:.3f} ms the steps above together; {:.3f} ms a run in {} lanes\n",
             std::accumulate(found.steps.begin(), found.steps.end(), 0.0) * 1e3, found.run * 1e3,
             whole.blueprint().lanes());
}

void print_recomputation(const Blueprint& kept, const Blueprint& recomputed) {
  constexpr double kMiB = 1 << 20;
  fmt::print(
      "{:.1f} MiB of activations and workspace without SF.RECOMPUTE, {:.1f} MiB with it and {} "
      "steps more\n",
      double(kept.arena_bytes()) / kMiB, double(recomputed.arena_bytes()) / kMiB,
      recomputed.node_count() - kept.node_count());
}

// One of as many as would train together; alone where the step runs.
TrainingRanks ranks_to_plan(const PlanArguments& a, const Config& config, Device device) {
  const int processes = config.get<int>(device.is_host() ? "SF.CPU_PROCESSES" : "NUM_GPUS");
  const int ranks = std::max(processes, 1) * config.get<int>("NUM_SHARDS");
  if (ranks == 1 || a.measure) return training_ranks(config);
  return training_ranks(config, std::make_shared<PlannedRanks>(ranks));
}

void plan_training(const PlanArguments& a, const Config& config, const Model& model,
                   Device device) {
  const Optimizer optimizer(model, config);
  TrainStepOptions options =
      train_step_options(config, a.batch, device, ranks_to_plan(a, config, device));
  LossScaler scaler;
  if (options.half == DType::f16) options.scaler = &scaler;
  const bool recompute = std::exchange(options.recompute, false);
  TrainingGraph step(model, optimizer, config, options);
  TrainingGraph again(model, optimizer, config, options);
  again.recompute();
  if (a.measure) {
    TrainingGraph& measured = recompute ? again : step;
    std::vector<Value> inputs = measured.clips;
    inputs.push_back(measured.targets);
    return measure(*measured.graph, measured.outputs(), inputs,
                   {.device = device, .kernels = options.kernels});
  }
  const BlueprintOptions rules{.device = device, .kernels = options.kernels};
  const Blueprint kept(*step.graph, step.outputs(), rules);
  const Blueprint recomputed(*again.graph, again.outputs(), rules);
  print(recompute ? recomputed : kept, a.shapes);
  if (a.shapes) return;
  print_recomputation(kept, recomputed);
  if (options.accumulate == 1) return;
  fmt::print("\nAfter every {} batches:\n", options.accumulate);
  print(Blueprint(step.update_graph, std::vector{step.update_norm}, rules), false);
}

void plan_inference(const PlanArguments& a, const Config& config, const Model& model,
                    Device device) {
  const auto crop = config.get<int64_t>("DATA.TEST_CROP_SIZE");
  const InferenceGraphOptions options{.half = half_type(config, false)};
  const InferenceGraph one(model, 1, crop, options);
  const BlueprintOptions rules{.device = device, .kernels = kernel_choice(config, false)};
  const Blueprint single(one.graph(), one.outputs(), rules);
  const int64_t batch =
      clips_together(single.arena_bytes(), a.batch, memory_limit_bytes(config, false));
  if (batch == 1 && !a.measure) return print(single, a.shapes);
  const InferenceGraph many(model, batch, crop, options);
  if (a.measure)
    return measure(many.graph(), many.outputs(), many.inputs(),
                   {.device = device, .kernels = rules.kernels});
  print(Blueprint(many.graph(), many.outputs(), rules), a.shapes);
}

// Needs the device and its memory for measuring alone.
void plan(const PlanArguments& a) {
  Config config = a.config.load_one();
  if (!a.device.empty()) config.set("SF.DEVICE", a.device);
  const Device device = a.measure ? choose_device(config) : device_to_plan(config);
  const auto model = initial_model(config, parameter_type(config));
  (a.train ? plan_training : plan_inference)(a, config, *model, device);
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto arguments = std::make_shared<PlanArguments>();
  CLI::App* command =
      app.add_subcommand("plan", "print the steps, kernels, memory and arithmetic of the network");
  arguments->config.add_to(*command);
  command->add_option("--device", arguments->device, "auto, cpu, simt, cuda, cuda:N");
  command->add_option("--batch", arguments->batch, "clips that run together")
      ->check(CLI::PositiveNumber);
  command->add_flag("--train", arguments->train, "the training step");
  CLI::Option* shapes = command->add_flag("--shapes", arguments->shapes,
                                          "only the problems, one a line, as benchmarks read them");
  command
      ->add_flag("--measure", arguments->measure,
                 "also run it, on numbers made up, and print what each step took")
      ->excludes(shapes);
  command->callback([arguments] { plan(*arguments); });
}

}  // namespace sf
