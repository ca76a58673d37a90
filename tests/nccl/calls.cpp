// What groups of GPUs ask NCCL to do, and how they end.
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "dist/device_group.h"
#include "kernels/base/error.h"
#include "tests/dist/gloo_ranks.h"
#include "tests/hang_guard.h"
#include "tests/nccl/recording_library.h"

namespace sf {
namespace {

using test::RecordingLibrary;
using Lines = std::vector<std::string>;
using Group = std::shared_ptr<ProcessGroup>;

constexpr int kAnyRank = -1;  // the recording's: who asks for an id has no rank yet

// The calls between the communicator's set-up and its end.
Lines between(const Lines& calls) {
  return calls.size() < 3 ? Lines{} : Lines(calls.begin() + 1, calls.end() - 2);
}

// Each rank works with values of its own, on device 4 + its rank.
void run_device_ranks(RecordingLibrary& library, int ranks,
                      const std::function<void(const Group&, Elements)>& work) {
  run_gloo_ranks(ranks, [&](const Group& host) {
    double memory[60] = {};
    library.set_origin(host->rank(), memory);
    work(host->on_device(4 + host->rank()), {memory, 60, DType::f64});
  });
}

TEST(Nccl, OneCommunicatorIsSetUpAndTakenDown) {
  const HangGuard guard;
  RecordingLibrary library;
  run_device_ranks(library, 3, [](const Group& group, Elements) {
    EXPECT_EQ(group->size(), 3);
    group->barrier();  // of the processes
  });
  EXPECT_EQ(library.calls(kAnyRank), Lines{"get_unique_id"});
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(library.calls(rank), (Lines{cat("comm_init ", rank, " of 3, the id, blocking 0"),
                                          "comm_finalize", "comm_destroy"}));
}

TEST(Nccl, EachOperationIsOneCallInPlace) {
  const HangGuard guard;
  RecordingLibrary library;
  run_device_ranks(library, 3, [](const Group& group, Elements v) {
    group->all_reduce({v.data, 7, DType::f32});
    group->reduce_scatter({v.data, 12, DType::f64});
    group->all_gather({v.data, 6, DType::i32});
    group->broadcast({v.data, 5, DType::u8}, 2);
  });
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(between(library.calls(rank)),
              (Lines{cat("all_reduce 7 f32 at 0 to 0 on ", 4 + rank, ", sum"),
                     cat("reduce_scatter 4 f64 at 0 to ", 32 * rank, " on ", 4 + rank, ", sum"),
                     cat("all_gather 2 i32 at ", 8 * rank, " to 0 on ", 4 + rank),
                     cat("broadcast 5 u8 at 0 to 0 on ", 4 + rank, ", from rank 2")}));
}

TEST(Nccl, PartsOfSeveralLengthsAreBroadcastTogether) {
  const HangGuard guard;
  RecordingLibrary library;
  run_device_ranks(library, 3, [](const Group& group, Elements v) {
    group->all_gather({v.data, 5, DType::i64}, std::vector<int64_t>{2, 0, 3});
  });
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(
        between(library.calls(rank)),
        (Lines{"group_start", cat("broadcast 2 i64 at 0 to 0 on ", 4 + rank, ", from rank 0"),
               cat("broadcast 3 i64 at 16 to 16 on ", 4 + rank, ", from rank 2"), "group_end"}));
}

TEST(Nccl, TypesKeepTheirNames) {
  const HangGuard guard;
  RecordingLibrary library;
  const DType types[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                         DType::u8,  DType::i32, DType::i64};
  run_device_ranks(library, 2, [&](const Group& group, Elements v) {
    for (const DType type : types) group->broadcast({v.data, 1, type}, 0);
  });
  Lines wanted;
  for (const DType type : types)
    wanted.push_back(cat("broadcast 1 ", type, " at 0 to 0 on 4, from rank 0"));
  EXPECT_EQ(between(library.calls(0)), wanted);
}

TEST(Nccl, ConsecutiveRanksHaveACommunicatorOfTheirOwn) {
  const HangGuard guard;
  RecordingLibrary library;
  run_device_ranks(library, 4, [](const Group& group, Elements) {
    const Group part = group->consecutive(2);
    EXPECT_EQ(part->rank(), group->rank() % 2);
  });
  // Both parts' rank 0 and the whole's.
  int whole = 0, parts = 0;
  for (const std::string& call : library.calls(0)) {
    whole += call.starts_with("comm_init 0 of 4");
    parts += call.starts_with("comm_init 0 of 2");
  }
  EXPECT_EQ(whole, 1);
  EXPECT_EQ(parts, 2);
}

TEST(Nccl, WhatItRefusesEndsTheJob) {
  const HangGuard guard;
  RecordingLibrary library;
  library.refuse("all_reduce", ncclSystemError);
  const Lines errors = gloo_rank_errors(2, [](const Group& host) {
    double value = 0;
    const Group group = host->on_device(0);
    if (host->rank() == 1) group->all_reduce({&value, 1, DType::f64});
    host->barrier();
  });
  for (const std::string& error : errors)
    EXPECT_EQ(error,
              "process group: rank 1 failed: NCCL: unhandled system error in all_reduce of 1 f64 "
              "values (operation 2)");
  EXPECT_EQ(library.calls(1).back(), "comm_abort");
}

TEST(Nccl, AFailedSetUpEndsTheJob) {
  const HangGuard guard;
  RecordingLibrary library;
  library.refuse("comm_init", ncclInternalError);
  const Lines errors =
      gloo_rank_errors(2, [](const Group& host) { host->on_device(0)->barrier(); });
  for (const std::string& error : errors)
    EXPECT_NE(error.find("NCCL: unhandled system error in connecting of devices (operation 1)"),
              std::string::npos)
        << error;
  for (const int rank : {0, 1}) EXPECT_EQ(library.calls(rank).back(), "comm_abort");
}

TEST(Nccl, AFailureElsewhereAbortsWhatHangs) {
  const HangGuard guard;
  RecordingLibrary library;
  const Lines errors = gloo_rank_errors(2, [&](const Group& host) {
    double value = 0;
    const Group group = host->on_device(0);
    host->barrier();
    library.hang();
    if (host->rank() == 1) throw Error("clip 7 is broken");
    group->all_reduce({&value, 1, DType::f64});
  });
  EXPECT_EQ(errors, (Lines{"process group: rank 1 failed: clip 7 is broken", "clip 7 is broken"}));
  for (const int rank : {0, 1}) EXPECT_EQ(library.calls(rank).back(), "comm_abort");
}

TEST(Nccl, ADeviceThatFallsBehindIsNamedAtTheTimeout) {
  const HangGuard guard;
  RecordingLibrary library;
  library.hang();
  const Lines errors = gloo_rank_errors(
      2,
      [](const Group& host) {
        double value = 0;
        host->on_device(0)->all_reduce({&value, 1, DType::f64});
      },
      std::chrono::seconds(1));
  for (const std::string& error : errors)
    EXPECT_TRUE(
        error.starts_with("process group: all_reduce of 1 f64 values (operation 2) did not "
                          "end on rank "))
        << error;
}

TEST(Nccl, AGroupClosesWhenTheOthersComeHoweverLate) {
  const HangGuard guard;
  RecordingLibrary library;
  const Lines errors = gloo_rank_errors(
      2,
      [&](const Group& host) {
        const Group group = host->on_device(0);
        if (host->rank() == 0) return;
        std::this_thread::sleep_for(std::chrono::seconds(3));
        EXPECT_TRUE(library.calls(0).back().starts_with("comm_init")) << library.calls(0).back();
      },
      std::chrono::seconds(1));
  EXPECT_EQ(errors, (Lines{"", ""}));
  for (const int rank : {0, 1}) EXPECT_EQ(library.calls(rank).back(), "comm_destroy");
}

TEST(Nccl, ACloseThatFailsEndsTheJob) {
  const HangGuard guard;
  RecordingLibrary library;
  library.refuse("comm_finalize", ncclSystemError);
  const Lines errors = gloo_rank_errors(2, [](const Group& host) { host->on_device(0); });
  for (const std::string& error : errors)
    EXPECT_NE(error.find("NCCL: unhandled system error in closing of devices (operation 2)"),
              std::string::npos)
        << error;
  for (const int rank : {0, 1}) EXPECT_EQ(library.calls(rank).back(), "comm_abort");
}

TEST(Nccl, ACloseThatHangsEndsTheJobAtTheTimeout) {
  const HangGuard guard;
  RecordingLibrary library;
  library.hang();
  const Lines errors = gloo_rank_errors(
      2, [](const Group& host) { host->on_device(0); }, std::chrono::seconds(1));
  for (const std::string& error : errors)
    EXPECT_TRUE(
        error.starts_with("process group: closing of devices (operation 2) did not end on rank "))
        << error;
  for (const int rank : {0, 1}) EXPECT_EQ(library.calls(rank).back(), "comm_abort");
}

TEST(Nccl, ALibraryThatIsNotThereIsSaidToBeMissing) {
  setenv("SF_NCCL_LIBRARY", "/nowhere/libnccl.so.2", 1);
  EXPECT_TRUE(describe_nccl().starts_with("not found: /nowhere/libnccl.so.2")) << describe_nccl();
  unsetenv("SF_NCCL_LIBRARY");
}

}  // namespace
}  // namespace sf
