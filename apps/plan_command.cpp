#include <cstdio>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "apps/commands.h"
#include "apps/engine/inference.h"
#include "apps/engine/setup.h"
#include "apps/engine/train_step.h"

namespace sf {
namespace {

struct PlanArguments {
  ConfigArguments config;
  std::string device;
  int64_t batch = 1;
  bool train = false;
  bool shapes = false;
};

void print(const Plan& plan, bool shapes) {
  std::fputs((shapes ? plan.blueprint().shapes() : plan.describe()).c_str(), stdout);
}

void print_recomputation(const Plan& kept, const Plan& recomputed) {
  constexpr double kMiB = 1 << 20;
  fmt::print(
      "{:.1f} MiB of activations and workspace without SF.RECOMPUTE, {:.1f} MiB with it and {} "
      "steps more\n",
      double(kept.arena_bytes()) / kMiB, double(recomputed.arena_bytes()) / kMiB,
      recomputed.steps().size() - kept.steps().size());
}

void plan(const PlanArguments& a) {
  Config config = a.config.load_one();
  if (!a.device.empty()) config.set("SF.DEVICE", a.device);
  const auto model = initial_model(config, parameter_type(config));
  if (a.train) {
    const Optimizer optimizer(*model, config);
    TrainStepOptions options = train_step_options(config, a.batch);
    const TrainStep step(*model, optimizer, config, options);
    print(step.plan(), a.shapes);
    if (a.shapes) return;
    options.recompute = !options.recompute;
    options.memory_limit_bytes = std::numeric_limits<double>::infinity();
    const TrainStep other(*model, optimizer, config, options);
    print_recomputation(options.recompute ? step.plan() : other.plan(),
                        options.recompute ? other.plan() : step.plan());
    return;
  }
  const Inference network(*model, config.get<int64_t>("DATA.TEST_CROP_SIZE"),
                          {.device = Device::parse(config.get<std::string>("SF.DEVICE")),
                           .max_batch = a.batch,
                           .memory_limit_bytes = memory_limit_bytes(config, false),
                           .half = half_type(config, false),
                           .tf32 = config.get<bool>("SF.TF32")});
  print(network.plan(), a.shapes);
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
  command->add_flag("--shapes", arguments->shapes,
                    "only the problems, one a line, as benchmarks read them");
  command->callback([arguments] { plan(*arguments); });
}

}  // namespace sf
