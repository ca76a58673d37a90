#include "apps/engine/training_stage.h"

#include <algorithm>
#include <bit>

#include "apps/engine/logging.h"
#include "apps/engine/precise_batch_norm.h"
#include "apps/engine/setup.h"
#include "models/weights.h"

namespace sf {
namespace {

constexpr double kMiB = 1 << 20;

double bytes_of(const NamedTensors& tensors) {
  double sum = 0;
  for (const auto& [name, tensor] : tensors) sum += double(tensor.type().bytes());
  return sum;
}

}  // namespace

TrainingStage::TrainingStage(const Config& config, const Dataset& train_set, const Dataset& val_set,
                             std::shared_ptr<ArenaMemory> memory, const TrainingRanks& ranks)
    : config_(config),
      ranks_(training_ranks(config, ranks)),
      train_set_(train_set),
      val_set_(val_set),
      model_(initial_model(config, parameter_type(config))),
      optimizer_(*model_, config),
      loader_(train_set, clip_loader_options(config, Split::train, ranks_.batch_part())),
      memory_(std::move(memory)) {
  const int64_t batch = clip_loader_options(config, Split::train).batches[0].videos;
  SF_CHECK(ranks_.size() == 1 || train_set.size() >= batch, "TRAIN.BATCH_SIZE: wanted at most the ",
           train_set.size(), " videos of the data set for the ", ranks_.size(),
           " processes that share a batch, found ", batch);
}

void TrainingStage::take_over(const TrainingStage& before) {
  const LoadReport report = load_weights(*model_, tensors_of(before.model()));
  SF_CHECK(report.missing.empty() && report.mismatched.empty(),
           "MULTIGRID: wanted the weights of the stage before to fit the next, found ",
           report.missing.size() + report.mismatched.size(), " that do not");
  const NamedTensors& old = before.optimizer_.state();
  for (const auto& [name, tensor] : optimizer_.state()) {
    const auto same = std::ranges::find(old, name, [](const auto& entry) { return entry.first; });
    if (same != old.end()) tensor.copy_from(same->second);
  }
  optimizer_.set_step(before.optimizer_.step());
  scaler_ = before.scaler_;
}

TrainStep& TrainingStage::step(int64_t batch, int64_t crop, int64_t boxes) {
  TrainStepOptions options = train_step_options(config_, batch, device_of(config_), ranks_);
  // Few sizes of room, so that there are few plans.
  const auto of_a_clip = uint64_t((boxes + batch - 1) / batch);
  options.box_room = std::max(options.box_room, int64_t(std::bit_ceil(of_a_clip)));
  auto& planned = steps_[{batch, crop, options.box_room}];
  if (planned) return *planned;
  memory_->release();  // so that it counts to what the machine has
  options.crop = crop;
  options.memory = memory_;
  if (options.half == DType::f16) options.scaler = &scaler_;
  planned = std::make_unique<TrainStep>(*model_, optimizer_, config_, options);
  const Plan& plan = planned->plan();
  SF_LOG(
      "A training step of {} clips{} of {}x{}: {} steps, {:.2f} GFLOP; {:.1f} MiB of activations, "
      "gradients and workspace beside {:.1f} MiB of parameters and {:.1f} MiB of the optimizer.",
      batch, ranks_.size() > 1 ? cat(" on each of ", ranks_.size(), " processes") : "", crop, crop,
      plan.blueprint().node_count(), plan.flops() / 1e9, double(plan.arena_bytes()) / kMiB,
      bytes_of(tensors_of(*model_)) / kMiB, bytes_of(optimizer_.state()) / kMiB);
  return *planned;
}

double TrainingStage::validate(int64_t epoch, TrainingHistory& history) {
  if (model_->detects()) {
    if (!detection_)
      detection_.emplace(config_, Split::val, *model_, std::array{device_of(config_)},
                         validation_options(config_, memory_, ranks_), ranks_);
    const double map = detection_->run().mean;
    if (!ranks_.leads()) return 0;
    log_detection_epoch(config_, epoch, map, memory_use(), history);
    return history.validation.at(epoch).top1_error;
  }
  if (!validation_) validation_.emplace(config_, *model_, val_set_, memory_, ranks_);
  return validation_->run(epoch, history).top1;
}

void TrainingStage::measure_batch_norm(int64_t epoch) {
  const auto norms = std::ranges::count_if(model_->parameters(), [](const Parameter& p) {
    return p.norm && p.name.ends_with("weight");
  });
  if (norms == 0 || config_.get<bool>("MODEL.FROZEN_BN")) return;
  SF_LOG("Computing precise BN statistics for {} BN layers ...", norms);
  TrainLoaderOptions options = clip_loader_options(config_, Split::train, ranks_.batch_part());
  options.batches = {options.batches.back()};  // the full crop alone
  TrainLoader loader(train_set_, options);
  loader.start(epoch);
  const auto next = [&]() -> std::optional<std::vector<Tensor>> {
    auto batch = loader.next();
    if (!batch) return {};
    return std::move(batch->pathways);
  };
  sf::measure_batch_norm(*model_, config_.get<int64_t>("BN.NUM_BATCHES_PRECISE"),
                         {.device = device_of(config_),
                          .kernels = kernel_choice(config_, true),
                          .memory_limit_bytes = memory_limit_bytes(config_, true),
                          .memory = memory_},
                         ranks_, next);
}

TrainingState TrainingStage::state() const {
  TrainingState state;
  state.model = tensors_of(*model_);
  state.optimizer = optimizer_.state();
  state.optimizer_steps = optimizer_.step();
  if (half_type(config_, true) == DType::f16) {
    state.loss_scale = scaler_.scale();
    state.loss_scale_steps = scaler_.good_steps();
  }
  state.seed = uint64_t(config_.get<int64_t>("RNG_SEED"));
  state.config = config_.dump();
  return state;
}

}  // namespace sf
