// Configuration files, the files they are based on, and what is no configuration file.
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "configs/config.h"
#include "configs/yaml.h"
#include "tests/hang_guard.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

class ConfigFiles : public testing::Test {
 protected:
  fs::path write(const std::string& name, std::string_view text) const {
    fs::path path = folder / name;
    fs::create_directories(path.parent_path());
    write_bytes(path, text);
    return path;
  }
  static Config read(const fs::path& file) {
    Config config;
    config.merge_file(file);
    return config;
  }
  // What reading the file throws, with the folder's path taken out.
  std::string error(const fs::path& file) const {
    std::string text = error_of([&] { read(file); });
    const std::string prefix = folder.path().string() + "/";
    for (size_t at; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  }

  const TemporaryFolder folder;
  const HangGuard guard;
};

TEST_F(ConfigFiles, ABaseComesFirstAndIsRelativeToItsFile) {
  write("base.yaml", "NUM_GPUS: 2\nRESNET: {DEPTH: 101, NUM_GROUPS: 2}\n");
  write("deep/middle.yaml", "_BASE_: ../base.yaml\nRESNET: {DEPTH: 18}\nRNG_SEED: 5\n");
  const Config config =
      read(write("top.yaml", "RNG_SEED: 7\n_BASE_: deep/middle.yaml\nOUTPUT_DIR: out\n"));
  EXPECT_EQ(config.get<int>("NUM_GPUS"), 2);
  EXPECT_EQ(config.get<int>("RESNET.DEPTH"), 18);
  EXPECT_EQ(config.get<int>("RESNET.NUM_GROUPS"), 2);
  EXPECT_EQ(config.get<int>("RNG_SEED"), 7);
  EXPECT_EQ(config.get<std::string>("OUTPUT_DIR"), "out");
}

TEST_F(ConfigFiles, OfSeveralBasesTheLaterCounts) {
  write("a.yaml", "NUM_GPUS: 2\nRNG_SEED: 2\nLOG_PERIOD: 2\n");
  write("b.yaml", "_BASE_: a.yaml\nRNG_SEED: 3\nLOG_PERIOD: 3\n");  // a.yaml twice, but in no cycle
  const Config config = read(write("c.yaml", "_BASE_: [a.yaml, b.yaml]\nLOG_PERIOD: 4\n"));
  EXPECT_EQ(config.get<int>("NUM_GPUS"), 2);
  EXPECT_EQ(config.get<int>("RNG_SEED"), 3);
  EXPECT_EQ(config.get<int>("LOG_PERIOD"), 4);
  EXPECT_EQ(read(write("d.yaml", "_BASE_: [b.yaml, a.yaml]")).get<int>("RNG_SEED"), 2);
}

TEST_F(ConfigFiles, ABaseMayBeAbsoluteOrInTheHomeFolder) {
  write("home/base.yaml", "NUM_GPUS: 6\n");
  const std::string absolute = (folder / "home/base.yaml").string();
  EXPECT_EQ(read(write("a.yaml", "_BASE_: " + absolute)).get<int>("NUM_GPUS"), 6);

  const char* const former = std::getenv("HOME");
  const std::string home = former ? former : "";
  setenv("HOME", (folder / "home").c_str(), 1);
  EXPECT_EQ(read(write("b.yaml", "_BASE_: ~/base.yaml")).get<int>("NUM_GPUS"), 6);
  unsetenv("HOME");
  EXPECT_EQ(error(folder / "b.yaml"),
            "b.yaml:1: _BASE_: wanted a home folder for '~/base.yaml', found HOME unset");
  if (former) setenv("HOME", home.c_str(), 1);
}

TEST_F(ConfigFiles, WrongBasesAreNamedWithTheLineThatWantsThem) {
  EXPECT_EQ(error(write("a.yaml", "NUM_GPUS: 1\n_BASE_: b.yaml\n")),
            "a.yaml:2: _BASE_: b.yaml: wanted a configuration file, found nothing");
  EXPECT_EQ(error(write("a.yaml", "_BASE_: .")),
            "a.yaml:1: _BASE_: .: wanted a configuration file, found a folder");
  EXPECT_EQ(error(write("a.yaml", "_BASE_: http://example.org/b.yaml")),
            "a.yaml:1: _BASE_: wanted a file of this machine, found 'http://example.org/b.yaml'");
  for (const char* const base : {"", "''", "{A: 1}", "[[a.yaml]]", "[a, '']"})
    EXPECT_EQ(error(write("a.yaml", cat("_BASE_: ", base))),
              "a.yaml:1: _BASE_: wanted a path or a list of paths, found something else");
  write("bad.yaml", "NUM_GPUS: two");
  EXPECT_EQ(error(write("a.yaml", "_BASE_: bad.yaml")),
            "bad.yaml:1: NUM_GPUS: wanted an integer, found 'two'");
}

TEST_F(ConfigFiles, ACycleOfBasesIsFound) {
  EXPECT_EQ(error(write("a.yaml", "_BASE_: a.yaml")),
            "a.yaml:1: _BASE_: wanted no file twice in a chain, found a.yaml in its own bases");
  write("b.yaml", "_BASE_: c.yaml");
  EXPECT_EQ(error(write("c.yaml", "_BASE_: ./b.yaml")),
            "./b.yaml:1: _BASE_: wanted no file twice in a chain, found ./c.yaml in its own bases");
  fs::create_symlink(folder / "link.yaml", folder / "link.yaml");
  EXPECT_EQ(error(folder / "link.yaml"), "link.yaml: wanted a configuration file, found nothing");
}

TEST_F(ConfigFiles, BasesMayNotExplode) {
  write("0.yaml", "NUM_GPUS: 2");
  for (int i = 1; i < 40; ++i)
    write(cat(i, ".yaml"), cat("_BASE_: [", i - 1, ".yaml, ", i - 1, ".yaml]"));
  const std::string message = error(folder / "39.yaml");
  EXPECT_NE(message.find("_BASE_: wanted at most 64 files in all, found more"), std::string::npos)
      << message;
}

TEST_F(ConfigFiles, OnlyAFileIsAFile) {
  EXPECT_EQ(error(folder / "none.yaml"), "none.yaml: wanted a configuration file, found nothing");
  fs::create_directory(folder / "d.yaml");
  EXPECT_EQ(error(folder / "d.yaml"), "d.yaml: wanted a configuration file, found a folder");
  ASSERT_EQ(mkfifo((folder / "pipe.yaml").c_str(), 0600), 0);
  EXPECT_EQ(error(folder / "pipe.yaml"),
            "pipe.yaml: wanted a configuration file, found something that is no file");
  EXPECT_EQ(error(write("a.yaml", "_BASE_: pipe.yaml")),
            "a.yaml:1: _BASE_: pipe.yaml: wanted a configuration file, found something that is no "
            "file");
  EXPECT_EQ(error("/dev/zero"),
            "/dev/zero: wanted a configuration file, found something that is no file");
  EXPECT_EQ(error(""), ": wanted a configuration file, found nothing");
  EXPECT_EQ(error(std::string(5000, 'x')),
            std::string(5000, 'x') + ": wanted a configuration file, found nothing");
}

TEST_F(ConfigFiles, NamesStayOnOneLine) {
  EXPECT_EQ(error(folder / "a\nb\t.yaml"),
            "a\\nb\\x09.yaml: wanted a configuration file, found nothing");
  EXPECT_EQ(error(write("a\nb.yaml", "NUM_GPUS: x")),
            "a\\nb.yaml:1: NUM_GPUS: wanted an integer, found 'x'");
  EXPECT_EQ(error(write("a.yaml", "_BASE_: \"b\\nc.yaml\"")),
            "a.yaml:1: _BASE_: b\\nc.yaml: wanted a configuration file, found nothing");
}

TEST_F(ConfigFiles, TheSizeOfAFileIsBounded) {
  const std::string line = "NUM_GPUS: 2 #";
  EXPECT_EQ(read(write("a.yaml", line + std::string(kMaxYamlBytes - line.size(), '#')))
                .get<int>("NUM_GPUS"),
            2);
  EXPECT_EQ(error(write("a.yaml", line + std::string(kMaxYamlBytes, '#'))),
            "a.yaml: wanted at most 256 KiB of YAML, found more");
  EXPECT_TRUE(read(write("a.yaml", "")) == Config());
}

TEST_F(ConfigFiles, LoadTakesTheFileThenThePairsAndValidates) {
  const fs::path file = write("a.yaml", "NUM_GPUS: 2\nRNG_SEED: 3\nTRAIN: {BATCH_SIZE: 6}\n");
  const std::vector<std::string> pairs{"RNG_SEED", "9"};
  const Config config = Config::load(file, pairs);
  EXPECT_EQ(config.get<int>("NUM_GPUS"), 2);
  EXPECT_EQ(config.get<int>("RNG_SEED"), 9);
  EXPECT_EQ(config.get<int>("LOG_PERIOD"), 10);
  const std::vector<std::string> odd{"NUM_GPUS", "4", "SF.DEVICE", "cuda"};
  EXPECT_EQ(error_of([&] { Config::load(file, odd); }),
            file.string() + ": TRAIN.BATCH_SIZE: wanted a multiple of NUM_GPUS 4, found 6");
}

}  // namespace
}  // namespace sf
