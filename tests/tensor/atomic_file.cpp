#include "tensor/atomic_file.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

TEST(AtomicFile, TheOldContentStaysUntilTheCommit) {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  write_bytes(path, "old");
  AtomicFile file(path);
  file.write("new");
  EXPECT_EQ(read_bytes(path), "old");
  file.commit();
  EXPECT_EQ(read_bytes(path), "new");
}

TEST(AtomicFile, WithoutACommitNothingRemains) {
  const TemporaryFolder folder;
  { AtomicFile(folder / "file").write("half"); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(AtomicFile, AlignmentIsFilledWithZeros) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "file");
  file.align(4096);
  EXPECT_EQ(file.position(), 0u);
  file.write("abc");
  file.align(200);
  EXPECT_EQ(file.position(), 200u);
  file.commit();
  EXPECT_EQ(read_bytes(folder / "file"), "abc" + std::string(197, '\0'));
}

TEST(AtomicFile, AFullDiskLeavesTheOldFile) {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  write_bytes(path, "old");
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 4096, .rlim_max = limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string error = error_of([&] {
    AtomicFile file(path);
    file.write(std::string(100000, 'x'));
    file.commit();
  });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error, path.string() + ": could not be written: File too large");
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(AtomicFile, AMissingFolderIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder / "none/file";
  EXPECT_EQ(error_of([&] { AtomicFile file(path); }),
            path.string() + ": could not create a file in its folder: No such file or directory");
}

}  // namespace
}  // namespace sf
