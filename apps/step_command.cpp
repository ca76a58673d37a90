#include <algorithm>
#include <memory>

#include "apps/commands.h"
#include "apps/engine/learning_rate.h"
#include "apps/engine/logging.h"
#include "apps/engine/setup.h"
#include "apps/engine/stored_batch.h"
#include "apps/engine/train_step.h"
#include "apps/engine/training_start.h"

namespace sf {
namespace {

struct StepArguments {
  ConfigArguments config;
  std::string input, output, weights, device, dtype;
  int steps = 1;
  std::optional<double> rate;
};

// labels: i64 N, or shares N x classes; of boxes the shares.
Tensor read_targets(const Safetensors& file, const std::string& path, int64_t clips,
                    int64_t classes) {
  SF_CHECK(file.contains("labels"), path, ": wanted a tensor labels, found none");
  const Tensor& labels = file.at("labels");
  const bool shares = labels.dtype() != DType::i64;
  SF_CHECK(labels.shape() == (shares ? Shape{clips, classes} : Shape{clips}), path,
           ": labels: wanted ", clips, " i64, or ", clips, " x ", classes, " shares, found ",
           labels.type());
  if (shares) return labels;
  for (int64_t label : labels.span<int64_t>())
    SF_CHECK(label >= 0 && label < classes, path, ": labels: wanted classes below ", classes,
             ", found ", label);
  return labels;
}

void step(const StepArguments& a) {
  Config config = a.config.load_one();
  if (!a.device.empty()) config.set("SF.DEVICE", a.device);
  if (!a.dtype.empty()) config.set("SF.DTYPE", a.dtype);
  const auto model = initial_model(config, parameter_type(config));
  Optimizer optimizer(*model, config);
  if (a.weights.empty() || a.weights == "counter") {
    a.weights.empty() ? load_test_weights(*model, config) : fill_counter_weights(*model);
  } else {  // as a training would start with that file: with the state of the optimizer in it
    config.set("TRAIN.AUTO_RESUME", "False");
    config.set("TRAIN.CHECKPOINT_FILE_PATH", a.weights);
    const TrainingStart start = start_training(config, find_start_file(config), *model,
                                               optimizer.state(), optimizer.group_parameters());
    optimizer.set_step(start.state.optimizer_steps);
  }

  const Safetensors file = read_safetensors(a.input);
  const auto pathways = read_inputs(file, a.input, *model);
  const int64_t clips = pathways[0].shape()[0];
  const int64_t rows = pathways.back().shape()[0];
  const Tensor targets =
      read_targets(file, a.input, rows, config.get<int64_t>("MODEL.NUM_CLASSES"));
  TrainStepOptions options =
      train_step_options(config, clips, device_of(config), training_ranks(config));
  options.crop = pathways[0].shape()[2];
  options.soft_targets = targets.dtype() != DType::i64;
  options.accumulate = 1;
  options.box_room = (rows + clips - 1) / clips;
  options.keep_gradients = true;
  LossScaler scaler;
  if (options.half == DType::f16) options.scaler = &scaler;
  TrainStep training(*model, optimizer, config, options);
  const LearningRate schedule(config);
  NamedTensors out;
  std::vector<double> losses;
  for (int i = 0; i < a.steps; ++i) {
    const double rate = a.rate ? *a.rate : schedule.at(i);  // an epoch is this one batch
    optimizer.set_learning_rate(rate);
    optimizer.set_step(optimizer.step() + 1);
    const TrainStep::Result result = training.run(pathways, targets, i);
    if (result.skipped) optimizer.set_step(optimizer.step() - 1);
    losses.push_back(result.loss);
    SF_LOG("step {}: loss {:.6f}, gradient norm {:.6f}, learning rate {}", i + 1, result.loss,
           result.gradient_norm, rate);
    if (i > 0) continue;
    out.emplace_back("train.output", result.logits.clone());
    for (const auto& [name, gradient] : training.gradients())
      out.emplace_back("grad." + name, channels_first_from_last(gradient));
  }
  out.emplace_back("losses", Tensor::from(losses, {a.steps}));
  for (const Parameter& p : model->parameters())
    out.emplace_back((p.trainable ? "param." : "buffer.") + p.name,
                     channels_first_from_last(p.tensor.to(Device{})));
  write_safetensors(a.output, out);
}

}  // namespace

void add_step_command(CLI::App& app) {
  auto arguments = std::make_shared<StepArguments>();
  CLI::App* command = app.add_subcommand("step", "steps of the optimizer on one stored batch");
  arguments->config.add_to(*command);
  command
      ->add_option(
          "--input", arguments->input,
          "safetensors with input.0, input.1: N C T H W, labels and, to detect, boxes: K x 5")
      ->required();
  command->add_option("--output", arguments->output, "safetensors with losses, gradients, weights")
      ->required();
  command->add_option("--weights", arguments->weights, "a checkpoint, or 'counter'");
  command->add_option("--steps", arguments->steps, "how many")->check(CLI::PositiveNumber);
  command->add_option("--lr", arguments->rate, "learning rate in place of the schedule's");
  command->add_option("--device", arguments->device, "auto, cpu, simt, cuda, cuda:N");
  command->add_option("--dtype", arguments->dtype, "f32, f64, bf16, f16");
  command->callback([arguments] { step(*arguments); });
}

}  // namespace sf
