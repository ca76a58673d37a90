#include "apps/engine/train_step.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "apps/engine/boxes.h"

namespace sf {
namespace {

Tensor converted(const Tensor& tensor, DType dtype) {
  return tensor.dtype() == dtype ? tensor : tensor.to(dtype);
}

Tensor one_number(int64_t value) { return Tensor::from(std::vector{value}, {1}); }

}  // namespace

struct TrainStep::Planned {
  Planned(const Model& model, const Optimizer& optimizer, const Config& config,
          const TrainStepOptions& options);

  Error too_large(size_t bytes, const TrainStepOptions& options);
  double share(int64_t rows) const;
  void set_scale(double share);
  NotFiniteLoss::Origin find_not_finite();
  // On any rank, since the last step of the optimizer.
  bool any_overflowed() {
    auto ranks_with = int64_t(std::exchange(overflowed, false));
    if (accumulate > 1) add_up(ranks, std::span(&ranks_with, 1));
    return ranks_with > 0;
  }
  double norm_of_sums() {
    update->run(0, update_begin);
    return update->fetch(step.update_norm).span<double>()[0];
  }

  TrainingGraph step;
  std::unique_ptr<Plan> plan;
  size_t learning_begin = 0;  // the first step that changes parameters or sums of gradients

  TrainingRanks ranks;
  int64_t batch;
  int accumulate = 1, runs = 0;
  LossScaler* scaler = nullptr;
  bool overflowed = false;       // in one of the batches added up
  std::unique_ptr<Plan> update;  // with accumulation
  size_t update_begin = 0;       // its first step that changes parameters
};

TrainStep::Planned::Planned(const Model& model, const Optimizer& optimizer, const Config& config,
                            const TrainStepOptions& options)
    : step(model, optimizer, config, options),
      ranks(options.ranks),
      batch(options.batch),
      accumulate(options.accumulate),
      scaler(options.scaler) {
  PlanOptions run{.device = options.device,
                  .kernels = options.kernels,
                  .check_finite = options.check_finite,
                  .memory_limit_bytes = options.memory_limit_bytes,
                  .memory = options.memory};
  try {
    step.graph->move_states_to(options.device);
    plan = std::make_unique<Plan>(*step.graph, step.outputs(), run);
  } catch (const PlanTooLarge& e) { throw too_large(e.bytes, options); }
  const auto first_change = [](const Plan& of) {
    const auto changes = [](const Plan::Step& s) { return s.name.starts_with(Optimizer::kScope); };
    return size_t(std::ranges::find_if(of.steps(), changes) - of.steps().begin());
  };
  learning_begin = first_change(*plan);
  if (accumulate == 1) return;
  run.memory_limit_bytes = std::numeric_limits<double>::infinity();
  step.update_graph.move_states_to(options.device);
  update = std::make_unique<Plan>(step.update_graph, std::vector{step.update_norm}, run);
  update_begin = first_change(*update);
}

// The error for a plan of that size; leaves the graph as SF.RECOMPUTE would have it.
Error TrainStep::Planned::too_large(size_t bytes, const TrainStepOptions& options) {
  constexpr double kGiB = 1 << 30;
  std::string recomputing;
  if (!options.recompute) {
    step.recompute();
    const size_t less = Blueprint(*step.graph, step.outputs(),
                                  {.device = options.device, .kernels = options.kernels})
                            .arena_bytes();
    if (less < bytes)
      recomputing = fmt::format("set SF.RECOMPUTE True ({:.2f} GiB), ", double(less) / kGiB);
  }
  return Error(fmt::format(
      "memory: wanted at most {:.2f} GiB for a training step (SF.MEMORY_LIMIT or what the machine "
      "has), found {:.2f} GiB ({} bytes) for {} clips; {}lower TRAIN.BATCH_SIZE and raise "
      "SF.ACCUMULATE, or lower DATA.TRAIN_CROP_SIZE or DATA.NUM_FRAMES",
      options.memory_limit_bytes / kGiB, double(bytes) / kGiB, bytes, options.batch, recomputing));
}

// Of this rank in the mean over all: of clips, or of boxes, which may be more on one than on
// another.
double TrainStep::Planned::share(int64_t rows) const {
  if (!step.rows_used) return 1.0 / ranks.size();
  int64_t all = rows;
  add_up(ranks, std::span(&all, 1));
  return double(rows) / double(all);
}

void TrainStep::Planned::set_scale(double share) {
  const double scale = scaler ? scaler->scale() : 1;
  if (step.seed)
    step.seed.copy_from(
        Tensor::from(std::vector{scale / accumulate * share}, {1}).to(step.seed.dtype()));
  if (scaler) step.inverse_scale.copy_from(Tensor::from(std::vector{1 / scale}, {1}));
}

// Of the ranks with one the first in the order of the steps.
NotFiniteLoss::Origin TrainStep::Planned::find_not_finite() {
  const auto found = plan->find_not_finite(learning_begin);
  const auto numbers = all_of(ranks, found ? int64_t(found->number) : int64_t(learning_begin) + 1);
  const int rank = int(std::ranges::min_element(numbers) - numbers.begin());
  return {.layer = told_by(ranks, rank, found ? found->step : "the norm of the gradients"),
          .rank = rank,
          .clip = told_by(ranks, rank, found ? found->row : 0)};
}

TrainStep::TrainStep(const Model& model, const Optimizer& optimizer, const Config& config,
                     const TrainStepOptions& options) {
  TrainStepOptions shared = options;
  if (!shared.memory) shared.memory = std::make_shared<ArenaMemory>(options.device);
  planned_ = std::make_unique<Planned>(model, optimizer, config, shared);
}

TrainStep::~TrainStep() = default;

const Plan& TrainStep::plan() const { return *planned_->plan; }

TrainStep::Result TrainStep::run(const std::vector<Tensor>& pathways, const Tensor& targets,
                                 int64_t iteration) {
  try {
    return run_batch(pathways, targets, iteration);
  } catch (const std::exception& e) {
    // Sums on their way still write to the memory of the plan.
    if (const auto& sums = planned_->ranks.gradients) sums->end(e.what());
    throw;
  }
}

TrainStep::Result TrainStep::run_batch(const std::vector<Tensor>& pathways, const Tensor& targets,
                                       int64_t iteration) {
  Planned& p = *planned_;
  SF_CHECK(pathways.size() == p.step.clips.size(), "training: wanted ", p.step.clips.size(),
           " inputs, found ", pathways.size());
  const auto feed = [&](Value input, const Tensor& value) {
    p.plan->feed(input, converted(value, input.type().dtype));
  };
  const bool detects = bool(p.step.rows_used);
  for (size_t i = 0; i + size_t(detects) < pathways.size(); ++i) feed(p.step.clips[i], pathways[i]);
  const int64_t rows = pathways.back().shape()[0];  // of boxes
  if (detects) {
    const Value boxes = p.step.clips.back();
    const int64_t room = boxes.shape()[0];
    SF_CHECK(rows > 0 && targets.shape()[0] == rows,
             "training: wanted targets of at least one box, "
             "found boxes ",
             pathways.back().shape(), " and targets ", targets.shape());
    feed(boxes, with_room(pathways.back(), room, -1, "boxes"));
    feed(p.step.targets, with_room(targets, room, 0, "targets"));
    p.plan->feed(p.step.rows_used, one_number(rows));
  } else {
    feed(p.step.targets, targets);
  }
  p.step.iteration.copy_from(one_number(iteration));
  const double share = p.share(rows);
  p.set_scale(share);
  p.plan->run(0, p.learning_begin);

  Result result;
  result.loss = p.plan->fetch(p.step.loss).to(DType::f64).span<double>()[0] * share;
  add_up(p.ranks, std::span(&result.loss, 1));
  result.logits = p.plan->fetch(p.step.logits);
  if (detects) result.logits = first_rows(result.logits, rows);
  if (p.step.norm) result.gradient_norm = p.plan->fetch(p.step.norm).span<double>()[0];
  const bool overflow = !std::isfinite(result.gradient_norm);
  if (!std::isfinite(result.loss) || (overflow && !p.scaler))
    throw NotFiniteLoss(p.find_not_finite(), p.batch, result.loss);
  p.overflowed |= overflow;
  if (!overflow) p.plan->run(p.learning_begin, p.plan->steps().size());
  if (p.accumulate > 1) result.gradient_norm = 0;
  if (++p.runs % p.accumulate != 0) return result;
  result.skipped = p.any_overflowed();
  if (p.accumulate > 1) {
    if (!result.skipped) result.gradient_norm = p.norm_of_sums();
    if (!std::isfinite(result.gradient_norm)) {
      if (!p.scaler)
        throw NotFiniteLoss({.layer = "the norm of the gradients added up"}, p.batch, result.loss);
      result.skipped = true;
    }
    if (!result.skipped) p.update->run(p.update_begin, p.update->steps().size());
    for (const Tensor& sum : p.step.sums)
      fill_bytes(sum.data(), sum.device(), 0, size_t(sum.type().bytes()));
  }
  if (result.skipped) result.gradient_norm = 0;
  if (p.scaler) p.scaler->update(result.skipped);
  return result;
}

NamedTensors TrainStep::gradients() const {
  NamedTensors all;
  for (size_t i = 0; i < planned_->step.gradients.size(); ++i)
    all.emplace_back(planned_->step.parameters[i].name,
                     planned_->plan->fetch(planned_->step.gradients[i]));
  return all;
}

}  // namespace sf
