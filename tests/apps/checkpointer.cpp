#include "apps/engine/checkpointer.h"

#include <algorithm>
#include <cmath>
#include <csignal>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/apps/child_process.h"
#include "tests/apps/log_lines.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

Config config_in(const fs::path& folder, const std::vector<std::string>& settings = {}) {
  Config config;
  config.merge_pairs(settings);
  config.set("OUTPUT_DIR", folder.string());
  return config;
}

// A state that can be told from all others: each value is the number.
TrainingState state_of(int64_t number, int64_t epochs, int64_t iterations = 0, int64_t size = 37) {
  const auto tensor = [&] {
    return Tensor::from(std::vector<int64_t>(size_t(size), number), {size});
  };
  TrainingState state;
  state.model = {{"s1.weight", tensor()}, {"s2.weight", tensor()}};
  state.optimizer = {{"s1.weight/momentum_buffer", tensor()}};
  state.epochs = epochs;
  state.iterations = iterations;
  state.optimizer_steps = number;
  return state;
}

// The number of a state; -1 if its parts are of different states.
int64_t number_of(const fs::path& path) {
  const TrainingState state = from_checkpoint(load_checkpoint(path));
  const auto whole = [&](const NamedTensors& tensors) {
    return std::ranges::all_of(tensors, [&](const auto& item) {
      return std::ranges::all_of(item.second.template span<int64_t>(),
                                 [&](int64_t v) { return v == state.optimizer_steps; });
    });
  };
  return whole(state.model) && whole(state.optimizer) ? state.optimizer_steps : -1;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

bool is_unfinished(const std::string& name) { return name.starts_with(".sf-writing-"); }

TEST(TrainingState, ComesBackWhole) {
  const TemporaryFolder folder;
  TrainingState state = state_of(41, 7, 250);
  state.next_batch = 500;
  state.seed = ~uint64_t(0);
  state.loss_scale = 65536;
  state.loss_scale_steps = 1999;
  state.best_error = 100.0 / 3;
  state.config = "TASK: \"\\xff\"\nDATA: \xff\n";  // not UTF-8
  state.notes = {{"meter", "{\"a\": 1}"}, {"", "x"}};
  save_checkpoint(folder / "a.sf", to_checkpoint(state));
  const Checkpoint checkpoint = load_checkpoint(folder / "a.sf");
  EXPECT_EQ(checkpoint.epoch, 6);
  const TrainingState back = from_checkpoint(checkpoint);
  EXPECT_EQ(number_of(folder / "a.sf"), 41);
  EXPECT_EQ(back.model.size(), 2u);
  EXPECT_EQ(back.optimizer[0].first, "s1.weight/momentum_buffer");
  EXPECT_EQ(back.epochs, 7);
  EXPECT_EQ(back.iterations, 250);
  EXPECT_EQ(back.next_batch, 500);
  EXPECT_EQ(back.optimizer_steps, 41);
  EXPECT_EQ(back.seed, ~uint64_t(0));
  EXPECT_EQ(back.loss_scale, 65536);
  EXPECT_EQ(back.loss_scale_steps, 1999);
  EXPECT_EQ(back.best_error, 100.0 / 3);
  EXPECT_EQ(back.config, "TASK: \"\\xff\"\nDATA: \xef\xbf\xbd\n");
  EXPECT_EQ(back.notes, state.notes);

  const TrainingState bare = from_checkpoint(to_checkpoint(TrainingState{}));
  EXPECT_FALSE(bare.seed || bare.loss_scale || bare.best_error);
  EXPECT_EQ(bare.epochs, 0);
}

TEST(TrainingState, OfOtherFilesGoesOnBehindTheirEpoch) {
  Checkpoint checkpoint;
  EXPECT_EQ(from_checkpoint(checkpoint).epochs, 0);
  checkpoint.epoch = 7;
  EXPECT_EQ(from_checkpoint(checkpoint).epochs, 8);
  checkpoint.epoch = -3;
  EXPECT_EQ(error_of([&] { from_checkpoint(checkpoint); }),
            "epoch: wanted one from 0 on, found -3");
}

TEST(TrainingState, CountsThatLieAreOneLine) {
  const auto error = [](const char* text) {
    Checkpoint checkpoint;
    checkpoint.text["training"] = text;
    return error_of([&] { from_checkpoint(checkpoint); });
  };
  EXPECT_EQ(error("[]"), "training state: wanted an object, found array");
  EXPECT_EQ(error("{}"), "training state: wanted a count 'epochs', found none");
  EXPECT_EQ(error(R"({"epochs": -1})"), "training state: wanted a count 'epochs', found -1");
  EXPECT_EQ(error(R"({"epochs": 9223372036854775809})"),
            "training state: epochs: found 9223372036854775809");
}

TEST(CheckpointRules, AreThoseOfTheOriginal) {
  const auto epochs = [](const Config& config, const std::vector<int64_t>& stage_ends) {
    std::vector<int64_t> due;
    for (int64_t e = 0; e < config.get<int64_t>("SOLVER.MAX_EPOCH"); ++e)
      if (is_checkpoint_epoch(config, e, stage_ends)) due.push_back(e);
    return due;
  };
  using Epochs = std::vector<int64_t>;
  Config config = config_in(
      ".", {"SOLVER.MAX_EPOCH", "23", "TRAIN.CHECKPOINT_PERIOD", "5", "TRAIN.EVAL_PERIOD", "7"});
  EXPECT_EQ(epochs(config, {}), (Epochs{4, 9, 14, 19, 22}));
  EXPECT_TRUE(is_eval_epoch(config, 6) && is_eval_epoch(config, 13) && is_eval_epoch(config, 22));
  EXPECT_FALSE(is_eval_epoch(config, 4) || is_eval_epoch(config, 19));
  // (31 - 0) / 3 + 1 = 11 epochs apart, then (47 - 31) / 3 + 1 = 6, then 2 / 3 + 1 = 1; behind the
  // stages by the period again.
  config.set("SOLVER.MAX_EPOCH", "57");
  EXPECT_EQ(epochs(config, {31, 47, 49}), (Epochs{8, 19, 30, 34, 40, 46, 47, 48, 49, 54, 56}));

  config.set("TRAIN.CHECKPOINT_PERIOD", "0");
  EXPECT_EQ(error_of([&] { is_checkpoint_epoch(config, 3); }),
            "TRAIN.CHECKPOINT_PERIOD: wanted at least 1, found 0");
  config.set("MULTIGRID.EVAL_FREQ", "0");
  EXPECT_EQ(error_of([&] { is_eval_epoch(config, 3, std::vector<int64_t>{31}); }),
            "MULTIGRID.EVAL_FREQ: wanted at least 1, found 0");
}

TEST(Checkpointer, NamesTellTheTime) {
  const TemporaryFolder folder;
  const LogLines log;
  const Config config = config_in(folder.path(), {"SF.CHECKPOINT_ITERATIONS", "250"});
  Checkpointer checkpointer(config, false);
  EXPECT_TRUE(checkpointer.due_behind(250) && checkpointer.due_behind(1000));
  EXPECT_FALSE(checkpointer.due_behind(249));
  EXPECT_FALSE(Checkpointer(config_in(folder.path()), false).due_behind(250));
  checkpointer.save(state_of(1, 0, 250));
  checkpointer.save(state_of(2, 1));
  checkpointer.save(state_of(4, 12, 1250));
  checkpointer.save(state_of(3, 12));
  EXPECT_TRUE(checkpointer.finish());
  const fs::path checkpoints = folder / "checkpoints";
  EXPECT_EQ(names_in(checkpoints),
            (std::vector<std::string>{"checkpoint_epoch_00000_iter_000250.sf",
                                      "checkpoint_epoch_00001.sf", "checkpoint_epoch_00012.sf",
                                      "checkpoint_epoch_00012_iter_001250.sf"}));
  // Names of five digits and more, of the original, of other tasks and without a number.
  for (const char* name :
       {"checkpoint_epoch_00012.pyth", "checkpoint_epoch_123456.pyth", "checkpoint_mine.pyth",
        "ssl_checkpoint_epoch_00099.sf", "best.sf", "checkpoint_epoch_00007.sf.bak"})
    write_bytes(checkpoints / name, "");
  std::vector<std::string> order;
  for (const CheckpointFile& file : checkpoint_files(config))
    order.push_back(file.path.filename().string());
  EXPECT_EQ(order, (std::vector<std::string>{
                       "checkpoint_epoch_123456.pyth", "checkpoint_epoch_00012_iter_001250.sf",
                       "checkpoint_epoch_00012.sf", "checkpoint_epoch_00012.pyth",
                       "checkpoint_epoch_00001.sf", "checkpoint_epoch_00000_iter_000250.sf",
                       "checkpoint_mine.pyth", "checkpoint_epoch_00007.sf.bak"}));
  EXPECT_EQ(checkpoint_files(config_in(folder.path(), {"TASK", "ssl"})).size(), 1u);
  EXPECT_TRUE(checkpoint_files(config_in(folder / "absent")).empty());
}

TEST(Checkpointer, AStateIsThatOfTheCall) {
  const TemporaryFolder folder;
  const LogLines log;
  Checkpointer checkpointer(config_in(folder.path(), {"TASK", "tiny"}), false);
  const TrainingState state = state_of(5, 1, 0, 100003);
  checkpointer.save(state);
  for (const auto* tensors : {&state.model, &state.optimizer})
    for (const auto& [name, tensor] : *tensors) std::ranges::fill(tensor.span<int64_t>(), 6);
  EXPECT_TRUE(checkpointer.finish());
  EXPECT_EQ(number_of(folder / "checkpoints/tiny_checkpoint_epoch_00001.sf"), 5);
}

TEST(Checkpointer, TheNewestStay) {
  const TemporaryFolder folder;
  const LogLines log;
  const fs::path checkpoints = folder / "checkpoints";
  fs::create_directory(checkpoints);
  // A later one that the run went back behind, and one of the original.
  write_bytes(checkpoints / "checkpoint_epoch_00009.sf", "damaged");
  write_bytes(checkpoints / "checkpoint_epoch_00001.pyth", "");
  Checkpointer checkpointer(config_in(folder.path(), {"SF.KEEP_CHECKPOINTS", "2"}), true);
  for (int64_t epoch = 1; epoch < 5; ++epoch) checkpointer.save(state_of(epoch, epoch));
  checkpointer.save(state_of(9, 4, 10));
  EXPECT_TRUE(checkpointer.finish());
  EXPECT_EQ(names_in(checkpoints),
            (std::vector<std::string>{"checkpoint_epoch_00001.pyth", "checkpoint_epoch_00004.sf",
                                      "checkpoint_epoch_00004_iter_000010.sf",
                                      "checkpoint_epoch_00009.sf"}));
}

TEST(Checkpointer, TheBestStays) {
  const TemporaryFolder folder;
  LogLines log;
  const fs::path best = folder / "checkpoints/best.sf";
  const Config config = config_in(folder.path(), {"SF.KEEP_CHECKPOINTS", "1"});
  const auto evaluate = [&](Checkpointer& checkpointer, int64_t epoch, double error) {
    checkpointer.save(state_of(epoch, epoch));
    checkpointer.save_if_best(state_of(epoch, epoch), error);
    EXPECT_TRUE(checkpointer.finish());
    return number_of(best);
  };
  {
    Checkpointer checkpointer(config, false);
    EXPECT_EQ(evaluate(checkpointer, 1, 50), 1);
    EXPECT_EQ(evaluate(checkpointer, 2, 40), 2);
    EXPECT_EQ(evaluate(checkpointer, 3, 40), 2);
    EXPECT_EQ(evaluate(checkpointer, 4, NAN), 2);
    EXPECT_EQ(from_checkpoint(load_checkpoint(best)).best_error, 40);
  }
  {
    Checkpointer resumed(config, true);
    EXPECT_EQ(evaluate(resumed, 5, 45), 2);
    EXPECT_EQ(evaluate(resumed, 6, 35), 6);
  }
  {
    Checkpointer other(config, false);  // a new run in an old folder
    EXPECT_EQ(evaluate(other, 1, 90), 1);
  }
  write_bytes(best, read_bytes(best).substr(0, 100));
  log.take();
  Checkpointer resumed(config, true);
  EXPECT_NE(log.take().at(0).find("best.sf: "), std::string::npos);
  EXPECT_EQ(evaluate(resumed, 7, 95), 7);

  const TemporaryFolder none;
  Checkpointer without(config_in(none.path(), {"SF.KEEP_BEST", "False"}), false);
  without.save_if_best(state_of(1, 1), 10);
  EXPECT_TRUE(without.finish());
  EXPECT_TRUE(names_in(none / "checkpoints").empty());
}

TEST(Checkpointer, KeysThatAreWrongAreOneLine) {
  const TemporaryFolder folder;
  EXPECT_EQ(error_of([&] {
              Checkpointer c(config_in(folder.path(), {"SF.KEEP_CHECKPOINTS", "-1"}), false);
            }),
            "SF.KEEP_CHECKPOINTS: wanted at least 0, found -1");
  write_bytes(folder / "file", "");
  EXPECT_EQ(error_of([&] { Checkpointer c(config_in(folder / "file"), false); }),
            cat("OUTPUT_DIR: cannot create '", (folder / "file/checkpoints").string(),
                "': Not a directory"));
}

TEST(Checkpointer, AFolderThatIsReadOnlyIsRefusedBeforeTheTraining) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "checkpoints");
  fs::permissions(folder / "checkpoints", fs::perms(0555));
  fs::permissions(folder.path(), fs::perms(0755));
  const int status = child_status([&] {
    if (getuid() == 0 && setuid(65534) != 0) _exit(77);  // root may write anywhere
    const std::string wanted = cat("OUTPUT_DIR: cannot write to '",
                                   (folder / "checkpoints").string(), "': Permission denied");
    const std::string found = error_of([&] { Checkpointer c(config_in(folder.path()), false); });
    EXPECT_EQ(found, wanted);
    _exit(found == wanted ? 0 : 1);
  });
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "runs as root and cannot become another user";
  EXPECT_EQ(status, 0);
}

// In a child, since the limit stays. Files of more bytes cannot be written, as on a full disk.
TEST(Checkpointer, WhatCannotBeWrittenIsToldAndLosesNothing) {
  const TemporaryFolder folder;
  const int status = child_status([&] {
    LogLines log;
    std::signal(SIGXFSZ, SIG_IGN);
    limit_file_bytes(100000);
    Checkpointer checkpointer(config_in(folder.path(), {"SF.KEEP_CHECKPOINTS", "1"}), false);
    checkpointer.save(state_of(1, 1));
    EXPECT_TRUE(checkpointer.finish());
    log.take();
    checkpointer.save(state_of(2, 2, 0, 10007));
    EXPECT_FALSE(checkpointer.finish());
    const fs::path checkpoints = folder / "checkpoints";
    EXPECT_EQ(log.take(), std::vector{cat("error: A checkpoint was not saved: ",
                                          (checkpoints / "checkpoint_epoch_00002.sf").string(),
                                          ": could not be written: File too large")});
    EXPECT_FALSE(checkpointer.finish());
    EXPECT_TRUE(log.take().empty());  // told once
    EXPECT_EQ(names_in(checkpoints), std::vector<std::string>{"checkpoint_epoch_00001.sf"});
    EXPECT_EQ(number_of(checkpoints / "checkpoint_epoch_00001.sf"), 1);

    // A best.sf that was not written is no bar for the next.
    checkpointer.save_if_best(state_of(2, 2, 0, 10007), 10);
    checkpointer.save_if_best(state_of(2, 2), 20);
    checkpointer.save(state_of(3, 3));
    EXPECT_TRUE(checkpointer.finish());
    EXPECT_EQ(number_of(checkpoints / "best.sf"), 2);
    EXPECT_EQ(names_in(checkpoints),
              (std::vector<std::string>{"best.sf", "checkpoint_epoch_00003.sf"}));
    _exit(testing::Test::HasFailure() ? 1 : 0);
  });
  EXPECT_EQ(status, 0);
}

// The newest checkpoint that can be read, as number_of; 0 if there is none. Expects every file that
// is there under its name to be whole.
int64_t newest_number(const Config& config) {
  const auto files = checkpoint_files(config);
  for (const CheckpointFile& file : files) EXPECT_GT(number_of(file.path), 0) << file.path;
  return files.empty() ? 0 : number_of(files.front().path);
}

// Killed by the system when the file has grown to a keyed number of bytes.
TEST(Checkpointer, AProcessThatDiesWithinAFileLosesNothing) {
  const CounterRng rng("bytes");
  for (uint64_t i = 0; i < 12; ++i) {
    const TemporaryFolder folder;
    const Config config = config_in(folder.path());
    const LogLines log;
    const int64_t size = 5003;
    const auto bytes = rlim_t(rng.bits(i) % 120000);
    int file_size = 0;
    const int status = child_status([&] {
      Checkpointer checkpointer(config, false);
      checkpointer.save(state_of(1, 1, 0, size));
      checkpointer.finish();
      limit_file_bytes(bytes);
      checkpointer.save(state_of(2, 2, 0, size));
      checkpointer.finish();
    });
    file_size = int(fs::file_size(folder / "checkpoints/checkpoint_epoch_00001.sf"));
    ASSERT_GT(file_size, 120000);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) << status;
    EXPECT_EQ(newest_number(config), 1);
    EXPECT_EQ(std::ranges::count_if(names_in(folder / "checkpoints"), is_unfinished), 1);
    Checkpointer next(config, true);
    EXPECT_EQ(names_in(folder / "checkpoints"),
              std::vector<std::string>{"checkpoint_epoch_00001.sf"});
  }
}

// kill -9 at any moment: within a file, between files, while old ones are removed.
TEST(Checkpointer, AKilledProcessLosesNothingThatWasSaved) {
  const TemporaryFolder folder;
  const Config config = config_in(folder.path(), {"SF.KEEP_CHECKPOINTS", "3"});
  const LogLines log;
  const CounterRng rng("moments");
  int64_t newest = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      Checkpointer checkpointer(config, true);
      for (int64_t number = newest + 1;; ++number) {
        checkpointer.save(state_of(number, number / 7, number % 7, 20011));
        checkpointer.save_if_best(state_of(number, number / 7, number % 7, 20011),
                                  1.0 / double(number));
        checkpointer.finish();
        if (write(pipe_ends[1], &number, sizeof number) != sizeof number) _exit(1);
      }
    }
    close(pipe_ends[1]);
    int64_t saved = newest;  // the last that the child knew to be on the disk
    if (read(pipe_ends[0], &saved, sizeof saved) != sizeof saved) ADD_FAILURE();
    usleep(useconds_t(rng.bits(i) % 20000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (int64_t more = 0; read(pipe_ends[0], &more, sizeof more) == sizeof more;) saved = more;
    close(pipe_ends[0]);
    newest = newest_number(config);
    EXPECT_GE(newest, saved);
    EXPECT_LE(newest, saved + 1);
    EXPECT_GE(number_of(folder / "checkpoints/best.sf"), saved);
    EXPECT_LE(std::ranges::count_if(names_in(folder / "checkpoints"), is_unfinished), 1);
  }
  Checkpointer next(config, true);
  EXPECT_EQ(std::ranges::count_if(names_in(folder / "checkpoints"), is_unfinished), 0);
}

TEST(Checkpointer, WhatARunningProcessWritesIsLeftAlone) {
  const TemporaryFolder folder;
  const LogLines log;
  fs::create_directory(folder / "checkpoints");
  const std::string parent = cat(".sf-writing-", getppid(), "-0");
  write_bytes(folder / "checkpoints" / parent, "");
  write_bytes(folder / "checkpoints/.sf-writing-x", "");
  write_bytes(folder / cat(".sf-writing-", getpid(), "-9"), "");
  Checkpointer checkpointer(config_in(folder.path()), false);
  EXPECT_EQ(names_in(folder / "checkpoints"), (std::vector<std::string>{parent, ".sf-writing-x"}));
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"checkpoints"});
}

}  // namespace
}  // namespace sf
