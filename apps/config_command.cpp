#include <cstdio>
#include <memory>

#include "apps/commands.h"

namespace sf {

void add_config_command(CLI::App& app) {
  auto arguments = std::make_shared<ConfigArguments>();
  CLI::App* command = app.add_subcommand("config", "print the merged configuration as YAML");
  arguments->add_to(*command);
  command->callback([arguments] {
    for (const Config& config : arguments->load()) {
      for (const std::string& warning : config.warnings())
        std::fprintf(stderr, "sf: %s\n", warning.c_str());
      std::fputs(config.dump().c_str(), stdout);
    }
  });
}

}  // namespace sf
