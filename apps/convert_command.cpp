#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "apps/engine/setup.h"
#include "models/weights.h"
#include "tensor/checkpoint.h"

namespace sf {
namespace {

struct ConvertArguments {
  std::string in, out;
  ConfigArguments config{false};
};

// With a configuration the weights pass through its network: names are mapped, 2D weights inflated
// if TRAIN.CHECKPOINT_INFLATE says so, and what does not fit is an error.
void through_network(Checkpoint& checkpoint, const Config& config, const std::string& path) {
  const auto model = initial_model(config, DType::f32);
  const LoadReport report = load_weights(*model, checkpoint.tensors, load_rules(config));
  for (const std::string& line : report.lines()) std::fprintf(stderr, "%s\n", line.c_str());
  SF_CHECK(report.missing.empty() && report.mismatched.empty(), path,
           ": wanted weights for all of the network, found ",
           report.missing.size() + report.mismatched.size(),
           " tensors missing or of another shape");
  checkpoint.tensors.clear();
  for (const Parameter& p : model->parameters()) checkpoint.tensors.emplace_back(p.name, p.tensor);
  checkpoint.optimizer.clear();
  checkpoint.text["config"] = config.dump();
}

}  // namespace

void add_convert_command(CLI::App& app) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = app.add_subcommand("convert", "weights from one format to another");
  command->add_option("IN", arguments->in, "a checkpoint; its kind is found by content")
      ->required();
  command->add_option("OUT", arguments->out, "ends in .sf or .safetensors")->required();
  arguments->config.add_to(*command);
  command->callback([arguments] {
    const auto report = [&](const auto& checkpoint) {
      std::printf("%s (%s): %zu tensors -> %s\n", arguments->in.c_str(), checkpoint.format.c_str(),
                  checkpoint.tensors.size(), arguments->out.c_str());
    };
    if (arguments->config.given()) {
      Checkpoint checkpoint = load_checkpoint(arguments->in);
      through_network(checkpoint, arguments->config.load_one(), arguments->in);
      save_checkpoint(arguments->out, checkpoint);
      report(checkpoint);
    } else {
      const StoredCheckpoint checkpoint = open_checkpoint(arguments->in);
      save_stored_checkpoint(arguments->out, checkpoint);
      report(checkpoint);
    }
  });
}

}  // namespace sf
