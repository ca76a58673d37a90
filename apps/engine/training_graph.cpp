#include "apps/engine/training_graph.h"

#include <algorithm>
#include <utility>

#include "apps/engine/setup.h"
#include "autograd/gradients.h"
#include "autograd/ops/bucketed_sum.h"
#include "autograd/ops/constant.h"
#include "autograd/ops/gradient_norm.h"
#include "autograd/rewrite/rewrite.h"
#include "models/loss.h"

namespace sf {

TrainStepOptions train_step_options(const Config& config, int64_t batch, Device device,
                                    TrainingRanks ranks) {
  return {.batch = batch,
          .crop = config.get<int64_t>("DATA.TRAIN_CROP_SIZE"),
          .soft_targets = config.get<bool>("MIXUP.ENABLE"),
          .accumulate = config.get<int>("SF.ACCUMULATE"),
          .recompute = config.get<bool>("SF.RECOMPUTE"),
          .check_finite = config.get<bool>("SF.CHECK_FINITE"),
          .ranks = std::move(ranks),
          .half = half_type(config, true),
          .kernels = kernel_choice(config, true),
          .device = device,
          .memory_limit_bytes = memory_limit_bytes(config, true)};
}

namespace {

// Whether ranks are to end as one with the whole batch, and can: each has as many rows as another,
// the moments of batch norm are those of all, and sums over ranks are made as rank_sum.h says.
bool ends_as_one_rank(const Model& model, const Config& config, const TrainStepOptions& options) {
  return options.ranks.batch_norm && config.get<bool>("BN.GLOBAL_SYNC") &&
         !config.get<bool>("MODEL.FROZEN_BN") && !model.detects() && options.device.is_host();
}

}  // namespace

TrainingGraph::TrainingGraph(const Model& model, const Optimizer& optimizer, const Config& config,
                             const TrainStepOptions& options)
    : parameters(optimizer.parameters()), scaled_(options.scaler != nullptr) {
  SF_CHECK(options.accumulate > 0, "SF.ACCUMULATE: wanted at least 1, found ", options.accumulate);
  Graph built(TrainingRules{.frozen_batch_norm = config.get<bool>("MODEL.FROZEN_BN"),
                            .batch_norm_group = options.ranks.batch_norm,
                            .gradients_by_clip = ends_as_one_rank(model, config, options),
                            .rank = options.ranks.rank(),
                            .seed = Tensor::from(std::vector{config.get<int64_t>("RNG_SEED")}, {1}),
                            .step = iteration});
  const auto inputs =
      model_inputs(built, model, options.batch, options.crop, options.batch * options.box_room);
  const Value out = model.forward(inputs);
  const Value wanted =
      built.input("targets", target_type(config, out.type(), options.soft_targets));
  const Value used = model.detects() ? built.input("boxes_used", {{1}, DType::i64}) : Value{};
  const Value mean_loss = training_loss(config, out, wanted, used);

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
  if (used) rows_used = rewritten[used];
  loss = rewritten[mean_loss];
  logits = rewritten[out];
  graph = std::move(rewritten.graph);

  const auto all = backward(options);
  if (options.keep_gradients)
    for (size_t i = 0; i < all.size(); ++i) {
      Graph::Scope scope(*graph, parameters[i].name + ".unscale");
      gradients.push_back(scaled_ ? scale(all[i], unscale(*graph)) : all[i]);
    }
  if (options.accumulate == 1) {
    norm = optimizer.append(*graph, all, unscale(*graph));
  } else {
    if (scaled_) {
      Graph::Scope scope(*graph, "gradient_norm");
      norm = gradient_norm(all, 0, unscale(*graph)).norm;
    }
    add_up(optimizer, options, all);
  }
  if (options.recompute) recompute();
}

std::vector<Value> TrainingGraph::backward(const TrainStepOptions& options) {
  std::vector<Value> learning;
  for (const Parameter& p : parameters) learning.push_back(graph->state(p.tensor, p.name, true));
  // Ranks add up their gradients, of the share that each has in the mean loss of all.
  const int ranks = options.ranks.size();
  if (scaled_ || (ranks > 1 && rows_used)) seed = Tensor::zeros(loss.type());
  const Value start = seed ? graph->state(seed, "loss_scale", true)
                           : constant(*graph, loss.type(), 1.0 / (options.accumulate * ranks));
  if (ranks == 1 || options.accumulate > 1) return checked(sf::gradients(loss, learning, start));
  BucketedSum sum(options.ranks.gradients, options.ranks.bucket_bytes);
  std::vector<size_t> order;
  auto all = checked(sf::gradients(loss, learning, start, [&](size_t i, Value gradient) {
    sum.add(gradient);
    order.push_back(i);
  }));
  const auto sums = sum.finish();
  for (size_t k = 0; k < order.size(); ++k) all[order[k]] = sums[k];
  return all;
}

std::vector<Value> TrainingGraph::checked(std::vector<Value> all) const {
  for (size_t i = 0; i < all.size(); ++i)
    SF_CHECK(all[i], parameters[i].name, ": wanted a parameter that the loss depends on");
  return all;
}

std::vector<Value> TrainingGraph::outputs() const {
  std::vector<Value> all{loss, logits};
  all.insert(all.end(), gradients.begin(), gradients.end());
  if (norm) all.push_back(norm);
  return all;
}

void TrainingGraph::recompute() {
  std::vector<int> keep;
  for (Value v : outputs()) keep.push_back(v.id());
  Rewritten again = recompute_cheap_values(*graph, loss, keep);
  const auto move = [&](Value& v) {
    if (v) v = again[v];
  };
  for (auto* values : {&clips, &gradients}) std::ranges::for_each(*values, move);
  for (Value* v : {&targets, &loss, &logits, &rows_used, &norm}) move(*v);
  graph = std::move(again.graph);
}

// Ranks exchange what they have gathered, ahead of the step of the optimizer.
void TrainingGraph::add_up(const Optimizer& optimizer, const TrainStepOptions& options,
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
  if (options.ranks.size() > 1) {
    BucketedSum sum(options.ranks.gradients, options.ranks.bucket_bytes);
    for (const Value& gradient : added) sum.add(gradient);
    added = sum.finish();
  }
  update_norm = optimizer.append(update_graph, added, unscale(update_graph));
}

Value TrainingGraph::unscale(Graph& of) const {
  return scaled_ ? of.state(inverse_scale, "1 / loss_scale", true) : Value{};
}

}  // namespace sf
