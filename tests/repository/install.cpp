// What `cmake --install` leaves runs from any folder.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

class Install : public testing::Test {
 protected:
  Install() { fs::create_directories(folder_ / "elsewhere"); }
  ~Install() override { fs::remove_all(folder_); }

  // The command's status, in a folder beside the installed ones; what it writes is the test's.
  int run(const std::string& command) const {
    return std::system(("cd " + (folder_ / "elsewhere").string() + " && " + command).c_str());
  }

  const fs::path folder_ = fs::temp_directory_path() / ("sf_install_" + std::to_string(::getpid()));
  const fs::path to_ = folder_ / "to";
};

TEST_F(Install, TheInstalledProgramReadsTheInstalledConfigurations) {
  ASSERT_EQ(run(SF_CMAKE " --install " SF_BINARY_DIR " --prefix " + to_.string() + " >/dev/null"),
            0);
  const std::string sf = (to_ / "bin/sf").string();
  EXPECT_EQ(run(sf + " doctor"), 0);
  const fs::path configs = to_ / "share/sf/configs";
  for (const char* file : {"Kinetics/SLOWFAST_8x8_R50.yaml", "Kinetics/c2/SLOWFAST_8x8_R50.yaml",
                           "AVA/SLOW_8x8_R50_SHORT.yaml", "synthetic/SLOWFAST_TINY.yaml"})
    EXPECT_EQ(run(sf + " config --cfg " + (configs / file).string() + " >/dev/null"), 0);
  for (const char* file : {"README.md", "LICENSE", "docs/configuration.md"})
    EXPECT_TRUE(fs::is_regular_file(to_ / "share/doc/sf" / file)) << file;
  EXPECT_FALSE(fs::exists(to_ / "share/doc/sf-engine"));
}

}  // namespace
