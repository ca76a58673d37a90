#include <filesystem>
#include <memory>

#include "apps/commands.h"
#include "apps/engine/demo.h"
#include "apps/engine/logging.h"
#include "apps/engine/tester.h"
#include "apps/engine/trainer.h"
#include "configs/without_effect.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

struct RunArguments {
  ConfigArguments config;
  int shard_id = 0;
  int num_shards = 1;
  std::string init_method = "tcp://localhost:9999";
};

void run(const RunArguments& arguments) {
  // All files are checked before the first starts hours of work.
  std::vector<Config> configs = arguments.config.load();
  for (Config& config : configs) {
    config.set("NUM_SHARDS", cat(arguments.num_shards));
    config.set("SHARD_ID", cat(arguments.shard_id));
    config.validate();
    SF_CHECK(arguments.num_shards == 1, "--num_shards: wanted 1, found ", arguments.num_shards,
             ": running on several machines is not built in");
    const bool labels = config.get<bool>("DEMO.ENABLE");
    if (labels) demo_options(config);
    SF_CHECK(config.get<bool>("TRAIN.ENABLE") || config.get<bool>("TEST.ENABLE") || labels,
             "TEST.ENABLE: wanted True, as TRAIN.ENABLE is False, found False: there is nothing to "
             "do");
  }
  for (const Config& config : configs) {
    start_log(config.get<std::string>("OUTPUT_DIR"));
    for (const std::string& warning : config.warnings()) SF_WARN("{}", warning);
    for (const std::string& setting : settings_without_effect(config)) SF_WARN("{}", setting);
    if (config.get<bool>("TRAIN.ENABLE")) train(config);
    if (config.get<bool>("TEST.ENABLE")) test(config);
    if (config.get<bool>("DEMO.ENABLE")) demo(config, demo_options(config));
    check_log();
  }
}

}  // namespace

void add_run_command(CLI::App& app) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = app.add_subcommand("run", "do what the configuration enables");
  arguments->config.add_to(*command);
  command->add_option("--shard_id", arguments->shard_id, "number of this machine");
  command->add_option("--num_shards", arguments->num_shards, "number of machines");
  command->add_option("--init_method", arguments->init_method, "where the machines meet");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace sf
