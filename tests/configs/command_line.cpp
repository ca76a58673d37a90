#include "configs/command_line.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using Words = std::vector<std::string>;

TEST(CommandLine, FilesAndPairsAreToldApart) {
  const Words arguments{"--cfg", "a.yaml",     "b.yml",  "--opts", "NUM_GPUS",
                        "0",     "OUTPUT_DIR", "c.yaml", "d.yaml"};
  const CommandLineConfig config = split_config_arguments(arguments);
  EXPECT_EQ(config.files, (Words{"a.yaml", "b.yml", "d.yaml"}));
  EXPECT_EQ(config.overrides, (Words{"NUM_GPUS", "0", "OUTPUT_DIR", "c.yaml"}));
}

}  // namespace
}  // namespace sf
