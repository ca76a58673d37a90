// The subcommands of sf, one file each.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "configs/command_line.h"
#include "configs/config.h"

namespace sf {

// Each adds its subcommand, whose callback does the work and throws sf::Error on failure.
// command_line: all arguments of the program, to start it again; the program ends with the status
// of CLI::RuntimeError.
void add_run_command(CLI::App& app, std::vector<std::string> command_line);
void add_config_command(CLI::App& app);
void add_infer_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_synth_command(CLI::App& app);
void add_convert_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_doctor_command(CLI::App& app);
void add_step_command(CLI::App& app);
void add_eval_ava_command(CLI::App& app);
void add_check_data_command(CLI::App& app);
void add_demo_command(CLI::App& app);
void add_extract_frames_command(CLI::App& app);
void add_make_lists_command(CLI::App& app);

// The --cfg, --opts and KEY VALUE arguments that most subcommands share.
class ConfigArguments {
 public:
  explicit ConfigArguments(bool required = true) : required_(required) {}
  void add_to(CLI::App& command);
  // One configuration for each --cfg file, in order.
  std::vector<Config> load() const;
  // The only one; throws if there are several files.
  Config load_one() const;
  // Whether there is a --cfg.
  bool given() const { return !cfg_.empty(); }

 private:
  CommandLineConfig split() const;

  bool required_;
  std::vector<std::string> cfg_;
  bool opts_ = false;  // for older scripts: means nothing
  const CLI::App* command_ = nullptr;
};

}  // namespace sf
