#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "apps/commands.h"
#include "apps/engine/demo.h"
#include "apps/engine/logging.h"
#include "apps/engine/setup.h"
#include "apps/engine/tester.h"
#include "apps/engine/trainer.h"
#include "configs/without_effect.h"
#include "dist/launcher.h"
#include "dist/placement.h"
#include "dist/run_rank.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

struct RunArguments {
  std::vector<std::string> command_line;
  ConfigArguments config;
  int shard_id = 0;
  int num_shards = 1;
  std::string init_method = "tcp://localhost:9999";
};

// As a launcher of processes has placed this one, if there is one.
std::optional<ProcessPlacement> launched(const RunArguments& arguments) {
  return placement_of_launcher([](const char* name) { return std::getenv(name); },
                               arguments.init_method);
}

// All files are checked before the first starts hours of work.
std::vector<Config> checked_configs(const RunArguments& arguments,
                                    const std::optional<ProcessPlacement>& placement) {
  int shards = arguments.num_shards, shard = arguments.shard_id;
  if (placement && placement->size % placement->local_size == 0) {
    shards = placement->size / placement->local_size;
    shard = placement->rank / placement->local_size;
  }
  std::vector<Config> configs = arguments.config.load();
  for (Config& config : configs) {
    config.set("NUM_SHARDS", cat(shards));
    config.set("SHARD_ID", cat(shard));
    config.validate();
    const bool labels = config.get<bool>("DEMO.ENABLE");
    if (labels) demo_options(config);
    SF_CHECK(config.get<bool>("TRAIN.ENABLE") || config.get<bool>("TEST.ENABLE") || labels,
             "TEST.ENABLE: wanted True, as TRAIN.ENABLE is False, found False: there is nothing to "
             "do");
  }
  return configs;
}

// What the configurations have in common: one run has one number of processes.
template <class F>
int same_in_all(const std::vector<Config>& configs, const char* what, const F& number) {
  const int first = number(configs.front());
  for (const Config& config : configs)
    SF_CHECK(number(config) == first, what, ": wanted ", first, " in all files, found ",
             number(config));
  return first;
}

void tell(const std::string& line) { std::fprintf(stderr, "sf: %s\n", line.c_str()); }

int start_processes(const RunArguments& arguments, const Config& config, int processes) {
  return launch({.arguments = arguments.command_line,
                 .processes = processes,
                 .shard_id = arguments.shard_id,
                 .num_shards = arguments.num_shards,
                 .address = arguments.num_shards > 1 ? arguments.init_method : "",
                 .restarts = config.get<int>("SF.RESTARTS"),
                 .log = tell});
}

// What all ranks have alike.
JoinOptions join_options(const std::vector<Config>& configs) {
  JoinOptions options;
  options.build = cat(SF_VERSION, ", ", __VERSION__);
  options.log = tell;
  for (Config config : configs) {
    config.set("SHARD_ID", "0");
    config.set("OUTPUT_DIR", ".");  // where rank 0 alone writes
    options.configuration += config.settings();
  }
  options.timeout =
      std::chrono::milliseconds(int64_t(1000 * configs.front().get<double>("SF.DIST_TIMEOUT")));
  return options;
}

// One rank's part of one configuration.
void run(Config config, const ProcessPlacement& placement,
         const std::shared_ptr<ProcessGroup>& world) {
  const bool leads = world->rank() == 0;
  const QuietThread quiet(!leads);
  if (leads) start_log(config.get<std::string>("OUTPUT_DIR"));
  for (const std::string& warning : config.warnings()) SF_WARN("{}", warning);
  for (const std::string& setting : settings_without_effect(config)) SF_WARN("{}", setting);
  if (world->size() > 1)
    config.set("SF.DEVICE",
               device_of_process(config, placement.local_rank, placement.local_size).name());
  if (config.get<bool>("TRAIN.ENABLE")) train(config, world);
  if (config.get<bool>("TEST.ENABLE")) test(config, world);
  if (config.get<bool>("DEMO.ENABLE")) {
    if (leads) demo(config, demo_options(config));
    world->await_all();
  }
  if (leads) check_log();
}

// Returns the exit status.
int run(const RunArguments& arguments) {
  const auto placement = launched(arguments);
  const std::vector<Config> configs = checked_configs(arguments, placement);
  const int processes = same_in_all(configs, "processes of a machine", processes_of_machine);
  if (!placement && processes > 1) return start_processes(arguments, configs.front(), processes);
  const ProcessPlacement mine = placement
                                    ? *placement
                                    : placement_of_shard(arguments.shard_id, arguments.num_shards,
                                                         0, 1, arguments.init_method);
  run_rank(mine, join_options(configs), [&](const std::shared_ptr<ProcessGroup>& world) {
    for (const Config& config : configs) run(config, mine, world);
  });
  return 0;
}

}  // namespace

void add_run_command(CLI::App& app, std::vector<std::string> command_line) {
  auto arguments = std::make_shared<RunArguments>();
  arguments->command_line = std::move(command_line);
  CLI::App* command = app.add_subcommand("run", "do what the configuration enables");
  arguments->config.add_to(*command);
  command->add_option("--shard_id", arguments->shard_id, "number of this machine");
  command->add_option("--num_shards", arguments->num_shards, "number of machines");
  command->add_option("--init_method", arguments->init_method, "where the machines meet");
  command->callback([arguments] {
    if (const int status = run(*arguments)) throw CLI::RuntimeError(status);
  });
}

}  // namespace sf
