#include "configs/command_line.h"

#include <gtest/gtest.h>

#include "configs/config.h"

namespace sf {
namespace {

using Words = std::vector<std::string>;

CommandLineConfig split(const Words& words) { return split_config_arguments(words); }

TEST(CommandLine, FilesAndPairsAreToldApart) {
  const auto [files, overrides] = split(
      {"--cfg", "a.yaml", "b.yml", "--opts", "NUM_GPUS", "0", "OUTPUT_DIR", "c.yaml", "d.yaml"});
  EXPECT_EQ(files, (Words{"a.yaml", "b.yml", "d.yaml"}));
  EXPECT_EQ(overrides, (Words{"NUM_GPUS", "0", "OUTPUT_DIR", "c.yaml"}));
}

TEST(CommandLine, PairsMayFollowWithOrWithoutOpts) {
  const auto plain = split({"a.yaml", "NUM_GPUS", "0", "DATA.PATH_PREFIX", "clips"});
  const auto opts = split({"a.yaml", "--opts", "NUM_GPUS", "0", "DATA.PATH_PREFIX", "clips"});
  EXPECT_EQ(plain.files, opts.files);
  EXPECT_EQ(plain.overrides, opts.overrides);
  Config config;
  config.merge_pairs(plain.overrides);
  EXPECT_EQ(config.get<int>("NUM_GPUS"), 0);
  EXPECT_EQ(config.get<std::string>("DATA.PATH_PREFIX"), "clips");
}

TEST(CommandLine, AKeyWithoutAValueStaysAlone) {
  EXPECT_EQ(split({"a.yaml", "NUM_GPUS"}).overrides, (Words{"NUM_GPUS"}));
  EXPECT_EQ(split({"NUM_GPUS", "0", "a.yaml"}).files, (Words{"a.yaml"}));
  EXPECT_TRUE(split({}).files.empty());
}

}  // namespace
}  // namespace sf
