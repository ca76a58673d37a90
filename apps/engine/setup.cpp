#include "apps/engine/setup.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "apps/engine/checkpointer.h"
#include "apps/engine/inference.h"
#include "apps/engine/logging.h"
#include "configs/device_name.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/element.h"
#include "kernels/base/machine.h"
#include "models/weights.h"
#include "tensor/checkpoint.h"

namespace sf {
namespace {

bool names_number(const Config& config) {
  return config.get<std::string>("SF.DEVICE").find(':') != std::string::npos;
}

}  // namespace

Device device_of(const Config& config) { return Device::parse(device_name(config)); }

Device device_to_plan(const Config& config) { return Device::parse_to_plan(device_name(config)); }

Device device_of_process(const Config& config, int local_rank, int processes) {
  Device device = device_to_plan(config);
  if (device.is_host() || processes == 1) return device;
  SF_CHECK(!names_number(config), "SF.DEVICE: wanted cuda, which gives each of ", processes,
           " processes a device of its own, found ", device.name());
  // Launchers may show each process a single device, which then has the number 0.
  if (cuda::device_count() != 1) device.index = local_rank;
  return device;
}

Device choose_device(const Config& config) {
  const Device device = device_of(config);
  if (const int gpus = config.get<int>("NUM_GPUS"); gpus > 0 && device.backend != Backend::cuda)
    SF_LOG("NUM_GPUS {} counts as 0: this runs on the {}.", gpus, device.name());
  return device;
}

std::vector<Device> choose_devices(const Config& config) {
  const Device first = choose_device(config);
  std::vector<Device> all{first};
  if (first.backend != Backend::cuda || names_number(config)) return all;
  const int wanted = config.get<int>("NUM_GPUS"), found = cuda::device_count();
  while (int(all.size()) < std::min(wanted, found))
    all.push_back({.backend = Backend::cuda, .index = int(all.size())});
  if (found < wanted) SF_LOG("NUM_GPUS {} counts as {}: this machine has no more.", wanted, found);
  return all;
}

int processes_of_machine(const Config& config) {
  const Backend backend = device_of(config).backend;
  if (backend == Backend::cpu) return config.get<int>("SF.CPU_PROCESSES");
  if (backend == Backend::simt || !config.get<bool>("TRAIN.ENABLE")) return 1;
  const QuietThread quiet;
  return int(choose_devices(config).size());
}

double memory_limit_bytes(const Config& config, bool training) {
  // More clips together are no faster on the CPU, and new memory takes its time.
  constexpr double kGiB = 1 << 30, kTestGiBOfCpu = 1, kTestGiBOfDevice = 4;
  if (const double limit = config.get<double>("SF.MEMORY_LIMIT"); limit > 0) return limit * kGiB;
  const Device device = device_to_plan(config);
  if (!training) return (device.is_host() ? kTestGiBOfCpu : kTestGiBOfDevice) * kGiB;
  const double available =
      device.is_host() ? double(available_memory_bytes()) / config.get<int>("SF.CPU_PROCESSES") : 0;
  return available > 0 ? available : std::numeric_limits<double>::infinity();
}

DType parameter_type(const Config& config) {
  const DType dtype = parse_dtype(config.get<std::string>("SF.DTYPE"));
  SF_CHECK(is_real(dtype), "SF.DTYPE: wanted f32, f64, bf16 or f16, found ", dtype);
  return arithmetic_of(dtype);
}

std::optional<DType> half_type(const Config& config, bool training) {
  const DType dtype = parse_dtype(config.get<std::string>("SF.DTYPE"));
  if (is_half(dtype)) return dtype;
  if (!training || !config.get<bool>("TRAIN.MIXED_PRECISION")) return {};
  SF_CHECK(dtype == DType::f32, "TRAIN.MIXED_PRECISION: wanted SF.DTYPE f32, found ", dtype);
  const DType half = parse_dtype(config.get<std::string>("SF.HALF_TYPE"));
  SF_CHECK(is_half(half), "SF.HALF_TYPE: wanted bf16 or f16, found ", half);
  const Device device = device_to_plan(config);
  if (device.backend == Backend::cpu && half == DType::bf16 && !has_bf16_products()) return {};
  return half;
}

KernelChoice kernel_choice(const Config& config, bool training) {
  const auto winograd = config.get<std::string>("SF.WINOGRAD");
  return {.tf32 = config.get<bool>("SF.TF32"),
          .winograd = winograd == "on" || (winograd == "auto" && !training),
          .tune = config.get<bool>("SF.TUNE")};
}

std::unique_ptr<Model> initial_model(const Config& config, DType dtype) {
  auto model = make_model(config, dtype);
  model->initialise(uint64_t(config.get<int64_t>("RNG_SEED")));
  return model;
}

LoadRules load_rules(const Config& config) {
  return {.inflate = config.get<bool>("TRAIN.CHECKPOINT_INFLATE"),
          .clear_name_patterns =
              config.get<std::vector<std::string>>("TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN")};
}

void load_weights_from(const Model& model, const std::string& weights, const LoadRules& rules) {
  if (weights == "counter") {
    SF_LOG("Using the counter-based weights.");
    fill_counter_weights(model);
    return;
  }
  SF_LOG("Loading network weights from {}.", weights);
  const Checkpoint checkpoint = load_checkpoint(weights, {.halves_as_f32 = true});
  const LoadReport report = load_weights(model, checkpoint.tensors, rules);
  for (const std::string& line : report.lines()) SF_LOG("{}", line);
  SF_CHECK(!report.loaded.empty(), weights, ": wanted weights of this network, found none of its ",
           model.parameters().size(), " tensors");
}

std::string last_checkpoint(const Config& config) {
  const auto files = checkpoint_files(config);
  return files.empty() ? "" : files.front().path.string();
}

void load_test_weights(const Model& model, const Config& config) {
  const auto test = config.get<std::string>("TEST.CHECKPOINT_FILE_PATH");
  const auto train = config.get<std::string>("TRAIN.CHECKPOINT_FILE_PATH");
  if (!test.empty()) {
    load_weights_from(model, test);
  } else if (const std::string last = last_checkpoint(config); !last.empty()) {
    SF_LOG("Load from last checkpoint.");
    load_weights_from(model, last);
  } else if (!train.empty()) {
    load_weights_from(model, train, load_rules(config));
  } else {
    SF_LOG(
        "Unknown way of loading checkpoint. Using with random initialization, only for debugging.");
  }
}

void log_model_info(const Model& model, const Config& config) {
  int64_t parameters = 0;
  for (const Parameter& p : model.parameters())
    if (p.trainable) parameters += p.tensor.numel();
  SF_LOG("Model: {} {}", config.get<std::string>("MODEL.MODEL_NAME"),
         config.get<std::string>("MODEL.ARCH"));
  SF_LOG("Params: {:L}", parameters);
}

}  // namespace sf
