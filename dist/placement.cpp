#include "dist/placement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <initializer_list>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr int kMostProcesses = 1 << 20;
constexpr int kFirstSlurmPort = 10'000, kSlurmPorts = 20'000;  // below those that systems hand out

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  // The first of the names that is set and not empty; "" if none is.
  std::string text(std::initializer_list<const char*> names) const {
    for (const char* name : names)
      if (const char* value = environment_(name); value && *value) return value;
    return {};
  }
  bool has(const char* name) const { return !text({name}).empty(); }

  // Of the first that is set; `otherwise` if none is.
  int number(std::initializer_list<const char*> names, int least, int greatest,
             int otherwise) const {
    for (const char* name : names) {
      const std::string value = text({name});
      if (value.empty()) continue;
      int number = 0;
      const char* end = value.data() + value.size();
      const auto [stop, error] = std::from_chars(value.data(), end, number);
      SF_CHECK(error == std::errc() && stop == end && number >= least && number <= greatest, name,
               ": wanted a number from ", least, " to ", greatest, ", found ", value);
      return number;
    }
    return otherwise;
  }

 private:
  const Environment& environment_;
};

// What a launcher calls its variables.
struct Launcher {
  std::initializer_list<const char*> rank, size, local_rank, local_size;
};
const std::array<Launcher, 3> kLaunchers{{
    {{"RANK"}, {"WORLD_SIZE"}, {"LOCAL_RANK"}, {"LOCAL_WORLD_SIZE"}},
    {{"SLURM_PROCID"},
     {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"},
     {"SLURM_LOCALID"},
     {"SLURM_NTASKS_PER_NODE"}},
    {{"OMPI_COMM_WORLD_RANK"},
     {"OMPI_COMM_WORLD_SIZE"},
     {"OMPI_COMM_WORLD_LOCAL_RANK"},
     {"OMPI_COMM_WORLD_LOCAL_SIZE"}},
}};

// The first machine of a list as Slurm writes it: node[03-05,11],login1.
std::string first_machine(const std::string& list) {
  std::string name;
  for (size_t i = 0; i < list.size() && list[i] != ','; ++i) {
    if (list[i] != '[') {
      name += list[i];
      continue;
    }
    const size_t end = std::min(list.find(']', i), list.size());
    const size_t number = std::min(list.find_first_of(",-]", i), list.size());
    name += list.substr(i + 1, number - i - 1);
    i = end;
  }
  return name;
}

// Where the launcher lets the processes meet; "" if it does not say.
std::string meeting_place(const Variables& variables) {
  if (std::string address = variables.text({"SF_INIT_METHOD"}); !address.empty()) return address;
  std::string host = variables.text({"MASTER_ADDR"});
  int port = variables.number({"MASTER_PORT"}, 1, 65'535, 0);
  // torchrun itself listens at its port then.
  if (port > 0 && variables.text({"TORCHELASTIC_USE_AGENT_STORE"}) == "True")
    port += port < 65'535 ? 1 : -1;
  if (variables.has("SLURM_STEP_ID")) {
    if (host.empty())
      host = first_machine(variables.text({"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"}));
    if (port == 0)
      port = kFirstSlurmPort + variables.number({"SLURM_JOB_ID"}, 0, INT32_MAX, 0) % kSlurmPorts;
  }
  if (host.empty() || port == 0) return {};
  return cat("tcp://", host.find(':') == std::string::npos ? host : cat('[', host, ']'), ":", port);
}

}  // namespace

std::optional<ProcessPlacement> placement_of_launcher(const Environment& environment,
                                                      const std::string& address) {
  const Variables variables(environment);
  for (const Launcher& launcher : kLaunchers) {
    const char* name = *launcher.rank.begin();
    if (!variables.has(name) || variables.text(launcher.size).empty()) continue;
    // In the script of an sbatch job Slurm sets these, too; only srun starts more than one process.
    if (name == std::string_view("SLURM_PROCID") && !variables.has("SLURM_STEP_ID")) continue;
    ProcessPlacement placement;
    placement.size = variables.number(launcher.size, 1, kMostProcesses, 1);
    if (placement.size == 1) continue;
    placement.rank = variables.number(launcher.rank, 0, placement.size - 1, 0);
    placement.local_size = variables.number(launcher.local_size, 1, placement.size, 1);
    placement.local_rank = variables.number(launcher.local_rank, 0, kMostProcesses, 0);
    placement.local_size = std::max(placement.local_size, placement.local_rank + 1);
    placement.address = meeting_place(variables);
    if (placement.address.empty()) placement.address = address;
    return placement;
  }
  return std::nullopt;
}

ProcessPlacement placement_of_shard(int shard_id, int num_shards, int local_rank, int processes,
                                    const std::string& address) {
  SF_CHECK(num_shards > 0 && num_shards <= kMostProcesses, "--num_shards: wanted 1 to ",
           kMostProcesses, ", found ", num_shards);
  SF_CHECK(shard_id >= 0 && shard_id < num_shards, "--shard_id: wanted 0 to ", num_shards - 1,
           ", as --num_shards is ", num_shards, ", found ", shard_id);
  SF_CHECK(processes > 0 && processes <= kMostProcesses / num_shards,
           "processes of a machine: wanted 1 to ", kMostProcesses / num_shards, ", found ",
           processes);
  SF_CHECK(local_rank >= 0 && local_rank < processes, "process of a machine: wanted 0 to ",
           processes - 1, ", found ", local_rank);
  return {shard_id * processes + local_rank, num_shards * processes, local_rank, processes,
          address};
}

}  // namespace sf
