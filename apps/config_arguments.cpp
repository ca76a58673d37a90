#include "apps/commands.h"
#include "kernels/base/error.h"

namespace sf {

void ConfigArguments::add_to(CLI::App& command) {
  // One file each; what follows comes as extras, which CLI11 leaves as they are: values of options
  // that start with a bracket it would split.
  command.add_option("--cfg", cfg_, "configuration files; KEY VALUE pairs may follow")
      ->required(required_)
      ->type_name("FILE... KEY VALUE...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  command.add_flag("--opts", opts_, "KEY VALUE pairs that override the files follow");
  command.allow_extras();
  command_ = &command;
}

CommandLineConfig ConfigArguments::split() const {
  std::vector<std::string> tokens = cfg_;
  const auto extras = command_->remaining();
  tokens.insert(tokens.end(), extras.begin(), extras.end());
  for (const std::string& token : extras)
    SF_CHECK(!token.starts_with("--"), "sf ", command_->get_name(), ": unknown option ", token);
  return split_config_arguments(tokens);
}

std::vector<Config> ConfigArguments::load() const {
  const auto [files, overrides] = split();
  SF_CHECK(!files.empty(), "--cfg: wanted a file that ends in .yaml or .yml, found none");
  std::vector<Config> configs;
  for (const std::string& file : files) configs.push_back(Config::load(file, overrides));
  return configs;
}

Config ConfigArguments::load_one() const {
  auto configs = load();
  SF_CHECK(configs.size() == 1, "--cfg: wanted one file, found ", configs.size());
  return std::move(configs[0]);
}

}  // namespace sf
