#include "configs/command_line.h"

namespace sf {

CommandLineConfig split_config_arguments(std::span<const std::string> arguments) {
  CommandLineConfig config;
  for (const std::string& argument : arguments) {
    const bool is_value = config.overrides.size() % 2 == 1;
    if (is_value)
      config.overrides.push_back(argument);
    else if (argument.ends_with(".yaml") || argument.ends_with(".yml"))
      config.files.push_back(argument);
    else if (argument != "--cfg" && argument != "--opts")
      config.overrides.push_back(argument);
  }
  return config;
}

}  // namespace sf
