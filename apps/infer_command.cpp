#include <memory>

#include "apps/commands.h"
#include "apps/engine/inference.h"
#include "apps/engine/setup.h"
#include "apps/engine/stored_batch.h"
#include "tensor/safetensors.h"

namespace sf {
namespace {

struct InferArguments {
  ConfigArguments config;
  std::string input, output, weights, device, dtype;
  bool keep_stages = false;
};

void infer(const InferArguments& a) {
  Config config = a.config.load_one();
  if (!a.device.empty()) config.set("SF.DEVICE", a.device);
  if (!a.dtype.empty()) config.set("SF.DTYPE", a.dtype);
  const Device device = device_of(config);
  const auto model = initial_model(config, parameter_type(config));
  if (a.weights.empty())
    load_test_weights(*model, config);
  else
    load_weights_from(*model, a.weights);

  const auto clips = read_clips(read_safetensors(a.input), a.input, *model);
  Inference network(*model, clips[0][0].shape()[1],
                    {.device = device,
                     .max_batch = int64_t(clips.size()),
                     .memory_limit_bytes = memory_limit_bytes(config, false),
                     .check_finite = config.get<bool>("SF.CHECK_FINITE"),
                     .half = half_type(config, false),
                     .kernels = kernel_choice(config, false),
                     .keep_stages = a.keep_stages});
  const Inference::Result result = network.run(clips);
  NamedTensors out{{"output", result.scores}, {"logits", result.logits}};
  for (const auto& [name, value] : result.stages)
    out.emplace_back(name, channels_first_from_last(value));
  write_safetensors(a.output, out);
}

}  // namespace

void add_infer_command(CLI::App& app) {
  auto arguments = std::make_shared<InferArguments>();
  CLI::App* command = app.add_subcommand("infer", "run the network on stored tensors");
  arguments->config.add_to(*command);
  command
      ->add_option("--input", arguments->input,
                   "safetensors with input.0, input.1: N C T H W and, to detect, boxes: K x 5")
      ->required();
  command->add_option("--output", arguments->output, "safetensors with output and logits")
      ->required();
  command->add_option("--weights", arguments->weights, "a checkpoint, or 'counter'");
  command->add_option("--device", arguments->device, "auto, cpu, simt, cuda, cuda:N");
  command->add_option("--dtype", arguments->dtype, "f32, f64, bf16, f16");
  command->add_flag("--keep-stages", arguments->keep_stages,
                    "also store the activations behind each stage");
  command->callback([arguments] { infer(*arguments); });
}

}  // namespace sf
