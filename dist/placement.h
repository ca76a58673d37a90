// Which of a job's processes this one is.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace sf {

struct ProcessPlacement {
  int rank = 0, size = 1;              // among all processes
  int local_rank = 0, local_size = 1;  // among those of this machine
  std::string address;                 // where they meet: see dist/rendezvous.h
};

// A variable of the environment, null if it is not set.
using Environment = std::function<const char*(const char* name)>;

// As a launcher says it: torchrun (RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE), Slurm's srun
// (SLURM_PROCID, SLURM_STEP_NUM_TASKS or SLURM_NTASKS, SLURM_LOCALID, SLURM_NTASKS_PER_NODE) or
// Open MPI's mpirun (OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE), whichever is found
// first. They meet at SF_INIT_METHOD, else at MASTER_ADDR and MASTER_PORT (where torchrun listens
// there itself, at the port after it), in a Slurm job else at its first machine and a port of the
// job's number; where there is none of these, at `address`. Nothing where there is only one process
// or none of these launchers; what an sbatch script runs without srun is one process. Throws where
// a variable is no number or out of range.
std::optional<ProcessPlacement> placement_of_launcher(const Environment& environment,
                                                      const std::string& address);

// Of process `local_rank` on machine `shard_id` of `num_shards`, each with `processes`. Throws
// where a number is out of range.
ProcessPlacement placement_of_shard(int shard_id, int num_shards, int local_rank, int processes,
                                    const std::string& address);

}  // namespace sf
