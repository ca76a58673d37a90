// From a configuration to a network with weights.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/config.h"
#include "models/model.h"
#include "models/weights.h"
#include "tensor/device.h"

namespace sf {

// SF.DEVICE. Where that is auto: the CPU if NUM_GPUS is 0 or SF.DTYPE f64, which has kernels there
// alone, else a CUDA device if there is one. Throws for what this machine has not.
Device device_of(const Config& config);
// The same for plans that do not run: the machine need not have it.
Device device_to_plan(const Config& config);
// Where one of `processes` of a machine that share a run runs, the local_rank-th: that device, but
// of several CUDA devices one of its own. Throws where SF.DEVICE names the number of one.
Device device_of_process(const Config& config, int local_rank, int processes);
// device_of(), and to the log that NUM_GPUS counts as 0 where it is not a GPU.
Device choose_device(const Config& config);
// The same for what several devices can share out: where SF.DEVICE names no number, as many CUDA
// devices as NUM_GPUS wants and the machine has.
std::vector<Device> choose_devices(const Config& config);

// The processes that share out a run's work on this machine: SF.CPU_PROCESSES on the CPU; on CUDA
// devices a training has one for each of choose_devices().
int processes_of_machine(const Config& config);

// SF.MEMORY_LIMIT in bytes. Where it is 0: in a test 1 GiB on the CPU, 4 GiB on a device; in
// training what the machine has left.
double memory_limit_bytes(const Config& config, bool training);

// The type of the parameters by SF.DTYPE: f32, also under half activations, or f64.
DType parameter_type(const Config& config);

// The half type that activations and weights are stored in, if any: SF.DTYPE where that is one;
// else in training, with TRAIN.MIXED_PRECISION, SF.HALF_TYPE, except for bf16 on a cpu that does
// not multiply it.
std::optional<DType> half_type(const Config& config, bool training);

// SF.TF32, SF.WINOGRAD and SF.TUNE, for a step of training or for the network alone.
KernelChoice kernel_choice(const Config& config, bool training);

// The network with its initial values by RNG_SEED.
std::unique_ptr<Model> initial_model(const Config& config, DType dtype);

// TRAIN.CHECKPOINT_INFLATE and TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN.
LoadRules load_rules(const Config& config);

// weights: a file of any format that load_checkpoint reads, or "counter" for the counter-based
// values. Logs what was not loaded and not used.
void load_weights_from(const Model& model, const std::string& weights, const LoadRules& rules = {});

// As a test looks for them: TEST.CHECKPOINT_FILE_PATH, the last checkpoint in OUTPUT_DIR,
// TRAIN.CHECKPOINT_FILE_PATH, else the initial values. Logs what it took.
void load_test_weights(const Model& model, const Config& config);

// The newest checkpoint in OUTPUT_DIR/checkpoints, by name; empty if there is none.
std::string last_checkpoint(const Config& config);

// Parameters, arithmetic and memory of the network on one clip, to the log.
void log_model_info(const Model& model, const Config& config);

}  // namespace sf
