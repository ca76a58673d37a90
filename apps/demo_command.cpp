#include <memory>

#include "apps/commands.h"
#include "apps/engine/demo.h"
#include "apps/engine/logging.h"
#include "configs/without_effect.h"

namespace sf {

void add_demo_command(CLI::App& app) {
  struct Arguments {
    ConfigArguments config;
    DemoOptions options;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("demo", "draw what the network sees on a video");
  arguments->config.add_to(*command);
  command->add_option("--input", arguments->options.input, "a video")->required();
  command
      ->add_option("--output", arguments->options.output,
                   "the labelled video; the scores go beside it, into a file .jsonl")
      ->required();
  command->add_option("--boxes", arguments->options.boxes,
                      "a file of boxes to draw: CSV, JSON lines or AVA's predicted boxes");
  command->add_option("--top", arguments->options.top, "how many classes of a clip")
      ->check(CLI::PositiveNumber);
  command->callback([arguments] {
    const Config config = arguments->config.load_one();
    for (const std::string& warning : config.warnings()) SF_WARN("{}", warning);
    for (const std::string& setting : settings_without_effect(config)) SF_WARN("{}", setting);
    demo(config, arguments->options);
  });
}

}  // namespace sf
