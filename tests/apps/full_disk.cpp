// Trainings whose output folder cannot take all that they write.
#include "tests/apps/child_process.h"
#include "tests/apps/training.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

// The best one would be a second file.
constexpr const char* kOptions = "SF.KEEP_BEST False";
constexpr int kNoMounts = 77;  // the status of a child that may not mount

class FullDisk : public TrainingCommand {
 protected:
  void SetUp() override {
    make_set(12);
    fs::create_directories(folder / "out");
  }

  // A training with all the room it needs, whose files tell the sizes.
  void train_whole() {
    ASSERT_EQ(sf(arguments("whole", kOptions)).status, 0);
    checkpoint_bytes = fs::file_size(checkpoint("whole", "checkpoint_epoch_00003.sf"));
    log_bytes = fs::file_size(folder / "whole" / "stdout.log");
    ASSERT_GT(checkpoint_bytes, 4 * log_bytes) << "too small to fail before the log does";
  }

  // Work with a file system of so many bytes on the output folder; nothing of it is left behind.
  template <class F>
  void on_small_disk(uint64_t bytes, const F& work) {
    const int status = child_status([&] {
      if (!enter_own_mounts() || !mount_disk(bytes, 0)) {
        std::perror("mounting a file system");
        _exit(kNoMounts);
      }
      work();
    });
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMounts)
      GTEST_SKIP() << "this system lets no test mount a file system of its own";
    EXPECT_EQ(status, 0);
  }
  bool mount_disk(uint64_t bytes, unsigned long flags) const {
    const std::string size = cat("size=", bytes);
    return mount("tmpfs", (folder / "out").c_str(), "tmpfs", flags, size.c_str()) == 0;
  }

  // Status 1 and one line on stderr with the text.
  static void expect_error(const Outcome& o, const std::string& text) {
    EXPECT_EQ(o.status, 1);
    EXPECT_TRUE(o.err.starts_with("sf: ") && o.err.find('\n') == o.err.size() - 1) << o.err;
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
  }
  std::vector<std::string> checkpoints() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder / "out" / "checkpoints"))
      names.push_back(entry.path().filename().string());
    return names;
  }

  uint64_t checkpoint_bytes = 0, log_bytes = 0;
};

// There is room for one checkpoint and the logs. The rest of the training runs, so that its state
// could still be saved if somebody made room; then it goes on where it was saved.
TEST_F(FullDisk, ATrainingThatRunsOutOfDiskLosesNothingAndGoesOnWithMore) {
  ASSERT_NO_FATAL_FAILURE(train_whole());
  on_small_disk(checkpoint_bytes * 3 / 2 + 8 * log_bytes, [&] {
    const Outcome o = sf(arguments("out", kOptions));
    expect_error(o, cat(checkpoint("out", "checkpoint_epoch_00003.sf").string(),
                        ": could not be written: No space left on device"));
    EXPECT_EQ(checkpoints(), std::vector<std::string>{"checkpoint_epoch_00001.sf"});
    expect_equal_checkpoints(checkpoint("whole", "checkpoint_epoch_00001.sf"),
                             checkpoint("out", "checkpoint_epoch_00001.sf"));
    const std::string log = read_text(folder / "out" / "stdout.log");
    EXPECT_NE(log.find("checkpoint_epoch_00001.sf in "), std::string::npos) << log;

    ASSERT_TRUE(mount_disk(8 * checkpoint_bytes, MS_REMOUNT));
    const Outcome again = sf(arguments("out", kOptions));
    EXPECT_EQ(again.status, 0) << again.err;
    expect_equal_checkpoints(checkpoint("whole", "checkpoint_epoch_00003.sf"),
                             checkpoint("out", "checkpoint_epoch_00003.sf"));
    EXPECT_TRUE(read_text(folder / "out" / "stdout.log").starts_with(log));
  });
}

TEST_F(FullDisk, ATrainingOnAFullDiskDoesNotStart) {
  on_small_disk(1 << 20, [&] {
    std::ofstream(folder / "out" / "stdout.log") << "earlier\n";
    std::ofstream ballast(folder / "out" / "ballast");
    while (ballast.put(0)) {}
    const Outcome o = sf(arguments("out", kOptions));
    expect_error(o, cat((folder / "out" / "stdout.log").string(),
                        ": could not be written: No space left on device"));
    EXPECT_EQ(o.out.find("train_iter"), std::string::npos) << o.out;
    EXPECT_TRUE(read_text(folder / "out" / "stdout.log").starts_with("earlier\n"));
  });
}

// As above on every system, by a limit on the size of files: first of the checkpoint alone, then of
// the log too.
TEST_F(FullDisk, ALimitOnTheSizeOfFilesLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(train_whole());
  ASSERT_EQ(sf(arguments("out", cat(kOptions, " SOLVER.MAX_EPOCH 1"))).status, 0);
  const fs::path first = checkpoint("out", "checkpoint_epoch_00001.sf");
  const std::string saved = read_text(first), log = read_text(folder / "out" / "stdout.log");
  const int status = child_status([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    limit_file_bytes(checkpoint_bytes / 2);
    expect_error(sf(arguments("out", kOptions)),
                 cat(checkpoint("out", "checkpoint_epoch_00003.sf").string(),
                     ": could not be written: File too large"));
    limit_file_bytes(log.size() + 100);
    expect_error(sf(arguments("out", kOptions)), cat((folder / "out" / "stdout.log").string(),
                                                     ": could not be written: File too large"));
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_text(first), saved);
  EXPECT_EQ(checkpoints(), std::vector<std::string>{"checkpoint_epoch_00001.sf"});
  EXPECT_TRUE(read_text(folder / "out" / "stdout.log").starts_with(log));
}

}  // namespace
}  // namespace sf
