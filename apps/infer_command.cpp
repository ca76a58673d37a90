#include <memory>

#include "apps/commands.h"
#include "apps/engine/inference.h"
#include "apps/engine/setup.h"
#include "tensor/safetensors.h"

namespace sf {
namespace {

struct InferArguments {
  ConfigArguments config;
  std::string input, output, weights, device, dtype;
  bool keep_stages = false;
};

// input.0, input.1 .. as clips: [clip][pathway] of T H W C.
std::vector<std::vector<Tensor>> read_clips(const std::string& path, const Model& model) {
  const Safetensors file = read_safetensors(path);
  std::vector<std::vector<Tensor>> clips;
  int64_t pathway = 0;
  for (const TensorType& wanted : model.inputs(1, 1)) {
    const std::string name = cat("input.", pathway++);
    SF_CHECK(file.contains(name), path, ": wanted a tensor ", name, ", found none");
    const Tensor& found = file.at(name);
    const Shape& s = found.shape();
    SF_CHECK(s.rank() == 5 && s[0] > 0 && s[1] == wanted.shape[4] && s[2] == wanted.shape[1] &&
                 s[3] == s[4],
             path, ": ", name, ": wanted N x ", wanted.shape[4], " x ", wanted.shape[1],
             " x crop x crop, found ", s);
    const Tensor all = channels_last_from_first(found).to(wanted.dtype);
    if (clips.empty()) clips.resize(size_t(s[0]));
    SF_CHECK(clips.size() == size_t(s[0]), path, ": ", name, " has ", s[0], " clips, input.0 has ",
             clips.size());
    const Shape one{s[2], s[3], s[4], s[1]};
    for (size_t i = 0; i < clips.size(); ++i) {
      Tensor clip({one, wanted.dtype});
      std::copy_n(all.data() + i * size_t(clip.type().bytes()), size_t(clip.type().bytes()),
                  clip.data());
      clips[i].push_back(clip);
    }
  }
  return clips;
}

void infer(const InferArguments& a) {
  Config config = a.config.load_one();
  if (!a.device.empty()) config.set("SF.DEVICE", a.device);
  if (!a.dtype.empty()) config.set("SF.DTYPE", a.dtype);
  const Device device = Device::parse(config.get<std::string>("SF.DEVICE"));
  const auto model = initial_model(config, parse_dtype(config.get<std::string>("SF.DTYPE")));
  if (a.weights.empty())
    load_test_weights(*model, config);
  else
    load_weights_from(*model, a.weights);

  const auto clips = read_clips(a.input, *model);
  Inference network(*model, clips[0][0].shape()[1],
                    {.device = device,
                     .max_batch = int64_t(clips.size()),
                     .memory_limit_bytes = config.get<double>("SF.MEMORY_LIMIT") * double(1 << 30),
                     .check_finite = config.get<bool>("SF.CHECK_FINITE"),
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
  command->add_option("--input", arguments->input, "safetensors with input.0, input.1: N C T H W")
      ->required();
  command->add_option("--output", arguments->output, "safetensors with output and logits")
      ->required();
  command->add_option("--weights", arguments->weights, "a checkpoint, or 'counter'");
  command->add_option("--device", arguments->device, "auto, cpu, simt, cuda, cuda:N");
  command->add_option("--dtype", arguments->dtype, "f32, f64");
  command->add_flag("--keep-stages", arguments->keep_stages,
                    "also store the activations behind each stage");
  command->callback([arguments] { infer(*arguments); });
}

}  // namespace sf
