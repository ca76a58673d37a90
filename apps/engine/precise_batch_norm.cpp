#include "apps/engine/precise_batch_norm.h"

#include <map>

#include "autograd/rewrite/rewrite.h"
#include "layers/conv.h"

namespace sf {
namespace {

// The network in training, without a loss; its steps write the statistics of one batch.
struct Forward {
  Forward(const Model& model, int64_t batch, int64_t crop, const PlanOptions& options,
          const TrainingRanks& ranks) {
    Graph built(TrainingRules{.batch_norm_momentum = 1,
                              .batch_norm_bessel = false,
                              .batch_norm_group = ranks.batch_norm,
                              .rank = ranks.rank(),
                              .seed = Tensor::zeros({{1}, DType::i64}),
                              .step = Tensor::zeros({{1}, DType::i64})});
    const auto inputs = model_inputs(built, model, batch, crop, 1);
    const Value out = model.forward(inputs);
    Rewritten rewritten = rewrite_for_training(built, std::vector{out.id()});
    Rewritten fused = fuse_batch_norm_sums(*rewritten.graph, std::vector{rewritten[out].id()},
                                           options.device.backend);
    rewritten = std::move(rewritten).then(std::move(fused));
    for (Value input : inputs) clips.push_back(rewritten[input]);
    if (model.detects()) {
      boxes = clips.back();
      clips.pop_back();
    }
    graph = std::move(rewritten.graph);
    graph->move_states_to(options.device);
    plan = std::make_unique<Plan>(*graph, std::vector{rewritten[out]}, options);
  }

  void run(const std::vector<Tensor>& pathways) {
    for (size_t i = 0; i < clips.size(); ++i)
      plan->feed(clips[i], pathways[i].to(clips[i].type().dtype));
    if (boxes) plan->feed(boxes, Tensor::zeros(boxes.type()));  // one, which statistics do not see
    plan->run();
  }

  std::unique_ptr<Graph> graph;
  std::vector<Value> clips;
  Value boxes;  // of a network that detects
  std::unique_ptr<Plan> plan;
};

// The sums over batches of one batch norm.
struct Moments {
  Tensor mean, variance;  // what the steps write
  std::vector<double> sum, squares;

  template <class T>
  void add(double weight) {
    const Tensor means = mean.to(Device{}), variances = variance.to(Device{});
    const auto m = means.span<T>(), v = variances.span<T>();
    for (size_t i = 0; i < sum.size(); ++i) {
      sum[i] += weight * double(m[i]);
      squares[i] += weight * (double(v[i]) + double(m[i]) * double(m[i]));
    }
  }
  template <class T>
  void store(double weight) const {
    const Tensor means(mean.type()), variances(variance.type());
    const auto m = means.span<T>(), v = variances.span<T>();
    for (size_t i = 0; i < sum.size(); ++i) {
      const double average = sum[i] / weight;
      m[i] = T(average);
      v[i] = T(squares[i] / weight - average * average);
    }
    mean.copy_from(means);
    variance.copy_from(variances);
  }
};

// Every pair of running statistics, also those of splits.
std::vector<Moments> all_moments(const Model& model) {
  std::vector<Moments> all;
  const auto& parameters = model.parameters();
  for (size_t i = 0; i + 1 < parameters.size(); ++i) {
    if (!parameters[i].name.ends_with("running_mean")) continue;
    const auto size = size_t(parameters[i].tensor.numel());
    all.push_back({parameters[i].tensor, parameters[i + 1].tensor, std::vector<double>(size),
                   std::vector<double>(size)});
  }
  return all;
}

template <class T>
void measure(const Model& model, int64_t batches, const PlanOptions& options,
             const TrainingRanks& ranks,
             const std::function<std::optional<std::vector<Tensor>>()>& next) {
  std::vector<Moments> all = all_moments(model);
  std::map<std::pair<int64_t, int64_t>, Forward> planned;  // by batch and crop
  double weight = 0;
  for (int64_t b = 0; b < batches; ++b) {
    const auto pathways = next();
    if (!pathways) break;
    const Shape& s = pathways->at(0).shape();
    const auto key = std::make_pair(s[0], s[2]);
    auto forward = planned.find(key);
    if (forward == planned.end())
      forward = planned.try_emplace(key, model, s[0], s[2], options, ranks).first;
    forward->second.run(*pathways);
    const auto clips = double(s[0]);
    for (Moments& m : all) m.add<T>(clips);
    weight += clips;
  }
  add_up(ranks, std::span(&weight, 1));
  for (Moments& m : all) {
    add_up(ranks, m.sum);
    add_up(ranks, m.squares);
  }
  SF_CHECK(weight > 0, "BN.USE_PRECISE_STATS: wanted at least one batch, found none");
  for (const Moments& m : all) m.store<T>(weight);
  if (model.batch_norm_splits() > 1) aggregate_batch_norm_splits(model);
}

}  // namespace

void measure_batch_norm(const Model& model, int64_t batches, const PlanOptions& options,
                        const TrainingRanks& ranks,
                        const std::function<std::optional<std::vector<Tensor>>()>& next) {
  model.dtype() == DType::f64 ? measure<double>(model, batches, options, ranks, next)
                              : measure<float>(model, batches, options, ranks, next);
}

}  // namespace sf
