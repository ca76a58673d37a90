#include "dist/placement.h"

#include <map>

#include <gtest/gtest.h>

#include "kernels/base/error.h"
#include "tests/dist/elements.h"

namespace sf {
namespace {

using Variables = std::map<std::string, std::string>;

std::optional<ProcessPlacement> placement(const Variables& variables) {
  const auto value = [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  return placement_of_launcher(value, "tcp://given:1");
}

// rank of size, local rank of local size, address
std::string text(const std::optional<ProcessPlacement>& p) {
  if (!p) return "alone";
  return cat(p->rank, " of ", p->size, ", ", p->local_rank, " of ", p->local_size, ", ",
             p->address);
}

const Variables kTorchrun{{"RANK", "5"},
                          {"WORLD_SIZE", "8"},
                          {"LOCAL_RANK", "1"},
                          {"LOCAL_WORLD_SIZE", "4"},
                          {"MASTER_ADDR", "node7"},
                          {"MASTER_PORT", "29500"}};
const Variables kSlurm{{"SLURM_PROCID", "3"},
                       {"SLURM_NTASKS", "16"},
                       {"SLURM_LOCALID", "3"},
                       {"SLURM_NTASKS_PER_NODE", "8"},
                       {"SLURM_STEP_ID", "0"},
                       {"SLURM_JOB_ID", "123456"},
                       {"SLURM_JOB_NODELIST", "gpu[007-008,011]"}};
const Variables kOpenMpi{{"OMPI_COMM_WORLD_RANK", "1"},
                         {"OMPI_COMM_WORLD_SIZE", "2"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};

Variables with(Variables variables, const Variables& others) {
  for (const auto& [name, value] : others) variables[name] = value;
  return variables;
}

TEST(ProcessPlacement, IsWhatTheLauncherSays) {
  EXPECT_EQ(text(placement({})), "alone");
  EXPECT_EQ(text(placement(kTorchrun)), "5 of 8, 1 of 4, tcp://node7:29500");
  EXPECT_EQ(text(placement(kSlurm)), "3 of 16, 3 of 8, tcp://gpu007:13456");
  EXPECT_EQ(text(placement(kOpenMpi)), "1 of 2, 1 of 2, tcp://given:1");
  EXPECT_EQ(text(placement(with(kOpenMpi, kTorchrun))), "5 of 8, 1 of 4, tcp://node7:29500");
}

TEST(ProcessPlacement, MeetsWhereTheLauncherSays) {
  EXPECT_EQ(placement(with(kSlurm, {{"MASTER_ADDR", "head"}}))->address, "tcp://head:13456");
  EXPECT_EQ(placement(with(kSlurm, {{"MASTER_PORT", "77"}}))->address, "tcp://gpu007:77");
  EXPECT_EQ(placement(with(kOpenMpi, {{"MASTER_ADDR", "::1"}, {"MASTER_PORT", "77"}}))->address,
            "tcp://[::1]:77");
  EXPECT_EQ(placement(with(kTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}}))->address,
            "tcp://node7:29501");
  EXPECT_EQ(placement(with(kTorchrun, {{"SF_INIT_METHOD", "file:///x"}}))->address, "file:///x");
}

TEST(ProcessPlacement, TheFirstOfSlurmsMachinesIsFound) {
  const auto first = [](const char* list) {
    return placement(with(kSlurm, {{"SLURM_JOB_NODELIST", list}, {"MASTER_PORT", "1"}}))->address;
  };
  EXPECT_EQ(first("a"), "tcp://a:1");
  EXPECT_EQ(first("a,b[1-2]"), "tcp://a:1");
  EXPECT_EQ(first("n[12,14]"), "tcp://n12:1");
  EXPECT_EQ(first("r[1-2]n[03-04]x,b"), "tcp://r1n03x:1");
  EXPECT_EQ(first("broken[1"), "tcp://broken1:1");
}

TEST(ProcessPlacement, OneProcessIsAlone) {
  EXPECT_EQ(text(placement(with(kTorchrun, {{"RANK", "0"}, {"WORLD_SIZE", "1"}}))), "alone");
  EXPECT_EQ(text(placement(with(kSlurm, {{"SLURM_STEP_NUM_TASKS", "1"}}))), "alone");
  // The script of an sbatch job.
  EXPECT_EQ(text(placement(with(kSlurm, {{"SLURM_STEP_ID", ""}}))), "alone");
}

TEST(ProcessPlacement, WrongVariablesAreNamed) {
  EXPECT_EQ(error_of([] {
              placement(with(kTorchrun, {{"RANK", "8"}}));
            }),
            "RANK: wanted a number from 0 to 7, found 8");
  EXPECT_EQ(error_of([] {
              placement(with(kTorchrun, {{"WORLD_SIZE", "2x"}}));
            }),
            "WORLD_SIZE: wanted a number from 1 to 1048576, found 2x");
  EXPECT_EQ(error_of([] {
              placement(with(kTorchrun, {{"MASTER_PORT", "0"}}));
            }),
            "MASTER_PORT: wanted a number from 1 to 65535, found 0");
}

TEST(ProcessPlacement, OfAShardNumbersMachineAfterMachine) {
  EXPECT_EQ(text(placement_of_shard(1, 3, 2, 4, "a")), "6 of 12, 2 of 4, a");
  EXPECT_EQ(error_of([] { placement_of_shard(2, 2, 0, 1, ""); }),
            "--shard_id: wanted 0 to 1, as --num_shards is 2, found 2");
  EXPECT_EQ(error_of([] { placement_of_shard(-1, 2, 0, 1, ""); }),
            "--shard_id: wanted 0 to 1, as --num_shards is 2, found -1");
  EXPECT_EQ(error_of([] { placement_of_shard(0, 0, 0, 1, ""); }),
            "--num_shards: wanted 1 to 1048576, found 0");
}

}  // namespace
}  // namespace sf
