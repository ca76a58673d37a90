#include "apps/engine/train_step.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "apps/engine/setup.h"
#include "autograd/gradients.h"
#include "autograd/ops/constant.h"
#include "autograd/ops/gradient_norm.h"
#include "autograd/rewrite/rewrite.h"
#include "dist/single_process.h"
#include "models/batch_norm_group.h"
#include "models/loss.h"

namespace sf {
namespace {

Tensor converted(const Tensor& tensor, DType dtype) {
  return tensor.dtype() == dtype ? tensor : tensor.to(dtype);
}

Tensor one_number(int64_t value) { return Tensor::from(std::vector{value}, {1}); }

}  // namespace

TrainStepOptions train_step_options(const Config& config, int64_t batch) {
  return {.batch = batch,
          .crop = config.get<int64_t>("DATA.TRAIN_CROP_SIZE"),
          .soft_targets = config.get<bool>("MIXUP.ENABLE"),
          .accumulate = config.get<int>("SF.ACCUMULATE"),
          .recompute = config.get<bool>("SF.RECOMPUTE"),
          .check_finite = config.get<bool>("SF.CHECK_FINITE"),
          .batch_norm_group = batch_norm_group(config, std::make_shared<SingleProcess>()),
          .half = half_type(config, true),
          .tf32 = config.get<bool>("SF.TF32"),
          .device = Device::parse(config.get<std::string>("SF.DEVICE")),
          .memory_limit_bytes = memory_limit_bytes(config, true)};
}

struct TrainStep::Planned {
  Planned(const Model& model, const Optimizer& optimizer, const Config& config,
          const TrainStepOptions& options);

  void recompute(std::vector<Value>& outputs);
  Error too_large(size_t bytes, std::vector<Value>& outputs, const TrainStepOptions& options);
  void add_up(const TrainStepOptions& options, const Optimizer& optimizer,
              const std::vector<Value>& gradients);

  void set_scale();
  // What takes the scale of the loss off the gradients; empty without a scaler.
  Value unscale(Graph& of) const {
    return scaler ? of.state(inverse_scale, "1 / loss_scale", true) : Value{};
  }

  Tensor iteration = one_number(0);
  Tensor scaled_seed = Tensor::zeros({{1}, DType::f32}),
         inverse_scale = Tensor::zeros({{1}, DType::f64});
  std::vector<Parameter> parameters;
  std::unique_ptr<Graph> graph;
  std::vector<Value> clips, gradients;
  Value targets, loss, logits, norm;
  std::unique_ptr<Plan> plan;
  size_t learning_begin = 0;  // the first step that changes parameters or sums of gradients

  // With accumulation: the sums, and the step of the optimiser on them.
  int accumulate = 1, runs = 0;
  LossScaler* scaler = nullptr;
  bool overflowed = false;  // in one of the batches added up
  std::vector<Tensor> sums;
  Graph update_graph{TrainingRules{}};
  Value update_norm;
  std::unique_ptr<Plan> update;
};

TrainStep::Planned::Planned(const Model& model, const Optimizer& optimizer, const Config& config,
                            const TrainStepOptions& options)
    : parameters(optimizer.parameters()), accumulate(options.accumulate), scaler(options.scaler) {
  Graph built(TrainingRules{.frozen_batch_norm = config.get<bool>("MODEL.FROZEN_BN"),
                            .batch_norm_group = options.batch_norm_group,
                            .seed = one_number(config.get<int64_t>("RNG_SEED")),
                            .step = iteration});
  std::vector<Value> inputs;
  for (const TensorType& type : model.inputs(options.batch, options.crop))
    inputs.push_back(built.input(cat("clip", inputs.size()), type));
  const Value out = model.forward(inputs);
  const Value wanted =
      built.input("targets", target_type(config, out.type(), options.soft_targets));
  const Value mean_loss = training_loss(config, out, wanted);

  Rewritten rewritten = rewrite_for_training(built, std::vector{out.id(), mean_loss.id()});
  const auto kept = [&] { return std::vector{rewritten[out].id(), rewritten[mean_loss].id()}; };
  if (options.half) {
    Rewritten halved = mixed_precision(*rewritten.graph, kept(), *options.half);
    rewritten = std::move(rewritten).then(std::move(halved));
  }
  Rewritten fused = fuse_batch_norm_sums(*rewritten.graph, kept(), options.device.backend);
  rewritten = std::move(rewritten).then(std::move(fused));
  for (Value input : inputs) clips.push_back(rewritten[input]);
  targets = rewritten[wanted];
  loss = rewritten[mean_loss];
  logits = rewritten[out];
  graph = std::move(rewritten.graph);

  std::vector<Value> learning;
  for (const Parameter& p : parameters) learning.push_back(graph->state(p.tensor, p.name, true));
  const Value seed = scaler ? graph->state(scaled_seed, "loss_scale", true)
                            : constant(*graph, loss.type(), 1.0 / accumulate);
  auto all = sf::gradients(loss, learning, seed);
  for (size_t i = 0; i < all.size(); ++i)
    SF_CHECK(all[i], parameters[i].name, ": wanted a parameter that the loss depends on");

  std::vector<Value> outputs{loss, logits};
  if (options.keep_gradients) {
    for (size_t i = 0; i < all.size(); ++i) {
      Graph::Scope scope(*graph, parameters[i].name + ".unscale");
      gradients.push_back(scaler ? scale(all[i], unscale(*graph)) : all[i]);
    }
    outputs.insert(outputs.end(), gradients.begin(), gradients.end());
  }
  if (accumulate == 1) {
    norm = optimizer.append(*graph, all, unscale(*graph));
    outputs.push_back(norm);
  } else {
    if (scaler) {
      Graph::Scope scope(*graph, "gradient_norm");
      norm = gradient_norm(all, 0, unscale(*graph)).norm;
      outputs.push_back(norm);
    }
    add_up(options, optimizer, all);
  }
  if (options.recompute) recompute(outputs);
  try {
    graph->move_states_to(options.device);
    plan = std::make_unique<Plan>(*graph, outputs,
                                  PlanOptions{.device = options.device,
                                              .tf32 = options.tf32,
                                              .check_finite = options.check_finite,
                                              .memory_limit_bytes = options.memory_limit_bytes,
                                              .memory = options.memory});
  } catch (const PlanTooLarge& e) { throw too_large(e.bytes, outputs, options); }
  const auto changes = [](const Plan::Step& s) { return s.name.starts_with(Optimizer::kScope); };
  learning_begin = size_t(std::ranges::find_if(plan->steps(), changes) - plan->steps().begin());
}

// Cheap results are made again for the backward pass.
void TrainStep::Planned::recompute(std::vector<Value>& outputs) {
  std::vector<int> keep;
  for (Value v : outputs) keep.push_back(v.id());
  Rewritten again = recompute_cheap_values(*graph, loss, keep);
  const auto move = [&](Value& v) {
    if (v) v = again[v];
  };
  for (auto* values : {&clips, &gradients, &outputs}) std::ranges::for_each(*values, move);
  for (Value* v : {&targets, &loss, &logits, &norm}) move(*v);
  graph = std::move(again.graph);
}

// The error for a plan of that size; leaves the graph as SF.RECOMPUTE would have it.
Error TrainStep::Planned::too_large(size_t bytes, std::vector<Value>& outputs,
                                    const TrainStepOptions& options) {
  constexpr double kGiB = 1 << 30;
  std::string recomputing;
  if (!options.recompute) {
    recompute(outputs);
    const size_t less =
        Plan(*graph, outputs, {.device = options.device, .tf32 = options.tf32}).arena_bytes();
    if (less < bytes)
      recomputing = fmt::format("set SF.RECOMPUTE True ({:.2f} GiB), ", double(less) / kGiB);
  }
  return Error(fmt::format(
      "memory: wanted at most {:.2f} GiB for a training step (SF.MEMORY_LIMIT or what the machine "
      "has), found {:.2f} GiB ({} bytes) for {} clips; {}lower TRAIN.BATCH_SIZE and raise "
      "SF.ACCUMULATE, or lower DATA.TRAIN_CROP_SIZE or DATA.NUM_FRAMES",
      options.memory_limit_bytes / kGiB, double(bytes) / kGiB, bytes, options.batch, recomputing));
}

void TrainStep::Planned::add_up(const TrainStepOptions& options, const Optimizer& optimizer,
                                const std::vector<Value>& all) {
  std::vector<Value> into, added;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string name = parameters[i].name + "/sum";
    sums.push_back(Tensor::zeros(all[i].type()));
    into.push_back(graph->state(sums.back(), name, true));
    added.push_back(update_graph.state(sums.back(), name, true));
  }
  {
    Graph::Scope scope(*graph, Optimizer::kScope);
    accumulate_into(all, into);
  }
  update_norm = optimizer.append(update_graph, added, unscale(update_graph));
  update_graph.move_states_to(options.device);
  update = std::make_unique<Plan>(update_graph, std::vector{update_norm},
                                  PlanOptions{.device = options.device,
                                              .check_finite = options.check_finite,
                                              .memory = options.memory});
}

void TrainStep::Planned::set_scale() {
  if (!scaler) return;
  scaled_seed.copy_from(Tensor::from(std::vector{float(scaler->scale() / accumulate)}, {1}));
  inverse_scale.copy_from(Tensor::from(std::vector{1 / scaler->scale()}, {1}));
}

TrainStep::TrainStep(const Model& model, const Optimizer& optimizer, const Config& config,
                     const TrainStepOptions& options) {
  SF_CHECK(options.accumulate > 0, "SF.ACCUMULATE: wanted at least 1, found ", options.accumulate);
  TrainStepOptions shared = options;
  if (!shared.memory) shared.memory = std::make_shared<ArenaMemory>(options.device);
  planned_ = std::make_unique<Planned>(model, optimizer, config, shared);
}

TrainStep::~TrainStep() = default;

const Plan& TrainStep::plan() const { return *planned_->plan; }

TrainStep::Result TrainStep::run(const std::vector<Tensor>& pathways, const Tensor& targets,
                                 int64_t iteration) {
  Planned& p = *planned_;
  SF_CHECK(pathways.size() == p.clips.size(), "training: wanted ", p.clips.size(),
           " pathways, found ", pathways.size());
  for (size_t i = 0; i < pathways.size(); ++i)
    p.plan->feed(p.clips[i], converted(pathways[i], p.clips[i].type().dtype));
  p.plan->feed(p.targets, converted(targets, p.targets.type().dtype));
  p.iteration.copy_from(one_number(iteration));
  p.set_scale();
  p.plan->run(0, p.learning_begin);

  Result result;
  result.loss = p.plan->fetch(p.loss).to(DType::f64).span<double>()[0];
  result.logits = p.plan->fetch(p.logits);
  if (p.norm) result.gradient_norm = p.plan->fetch(p.norm).span<double>()[0];
  const bool overflow = !std::isfinite(result.gradient_norm);
  if (!std::isfinite(result.loss) || (overflow && !p.scaler)) {
    const auto found = p.plan->find_not_finite(p.learning_begin);
    throw NotFiniteLoss(found ? found->step : "the norm of the gradients", found ? found->row : 0,
                        result.loss);
  }
  p.overflowed |= overflow;
  if (!overflow) p.plan->run(p.learning_begin, p.plan->steps().size());
  if (p.accumulate > 1) result.gradient_norm = 0;
  if (++p.runs % p.accumulate != 0) return result;
  result.skipped = std::exchange(p.overflowed, false);
  if (result.skipped) result.gradient_norm = 0;
  if (p.scaler) p.scaler->update(result.skipped);
  if (p.accumulate > 1) {
    if (!result.skipped) {
      p.update->run();
      result.gradient_norm = p.update->fetch(p.update_norm).span<double>()[0];
    }
    for (const Tensor& sum : p.sums)
      fill_bytes(sum.data(), sum.device(), 0, size_t(sum.type().bytes()));
  }
  return result;
}

NamedTensors TrainStep::gradients() const {
  NamedTensors all;
  for (size_t i = 0; i < planned_->gradients.size(); ++i)
    all.emplace_back(planned_->parameters[i].name, planned_->plan->fetch(planned_->gradients[i]));
  return all;
}

}  // namespace sf
