// The arguments behind --cfg.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace sf {

struct CommandLineConfig {
  std::vector<std::string> files;
  std::vector<std::string> overrides;  // KEY VALUE KEY VALUE ..., as Config::load takes them
};

// Arguments that end in .yaml or .yml are files, the others KEY VALUE pairs; a VALUE may end as it
// likes. --cfg and --opts are passed over where a file or a KEY could stand.
CommandLineConfig split_config_arguments(std::span<const std::string> arguments);

}  // namespace sf
