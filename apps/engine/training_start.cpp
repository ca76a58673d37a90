#include "apps/engine/training_start.h"

#include <bit>
#include <map>

#include "apps/engine/checkpointer.h"
#include "apps/engine/logging.h"
#include "apps/engine/optimizer_import.h"
#include "apps/engine/setup.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

StartFile load(const std::string& path) {
  Checkpoint checkpoint = load_checkpoint(path, {.halves_as_f32 = true});
  try {
    TrainingState state = from_checkpoint(checkpoint);
    return {path, std::move(checkpoint), std::move(state)};
  } catch (const Error& error) { throw Error(cat(path, ": ", error.what())); }
}

// A process may have been killed, a disk may have failed: what was saved before still counts.
std::optional<StartFile> newest_whole(const Config& config) {
  for (const CheckpointFile& file : checkpoint_files(config)) {
    try {
      return load(file.path.string());
    } catch (const Error& error) { SF_WARN("A checkpoint is passed over: {}", error.what()); }
  }
  return {};
}

LoadReport take_weights(const StartFile& from, const Model& model, const LoadRules& rules) {
  SF_LOG("Loading network weights from {}.", from.path);
  LoadReport report = load_weights(model, from.checkpoint.tensors, rules);
  for (const std::string& line : report.lines()) SF_LOG("{}", line);
  SF_CHECK(!report.loaded.empty(), from.path,
           ": wanted weights of this network, found none of its ", model.parameters().size(),
           " tensors");
  return report;
}

// Why the weights are those of another network; empty if they are not.
std::string misfit(const LoadReport& report) {
  const auto shapes = [](const LoadReport::Mismatch& m) {
    return cat(m.name, " wanted ", m.wanted, ", found ", m.found);
  };
  if (!report.mismatched.empty()) return shapes(report.mismatched.front());
  if (!report.inflated.empty()) return shapes(report.inflated.front());
  if (!report.missing.empty()) return cat(report.missing.front(), " wanted, found none");
  return "";
}

// The optimizer's tensors in the file under the engine's names, and its steps.
void name_optimizer(StartFile& from, const std::vector<std::vector<Parameter>>& groups) {
  if (!has_pytorch_optimizer(from.checkpoint)) return;
  try {
    ImportedOptimizer imported = import_optimizer(from.checkpoint, groups);
    from.state.optimizer = std::move(imported.tensors);
    from.state.optimizer_steps = imported.steps;
  } catch (const Error& error) {
    SF_WARN("The optimizer starts anew: {}: {}", from.path, error.what());
    from.state.optimizer.clear();
  }
}

void take_optimizer(TrainingState& state, const NamedTensors& optimizer) {
  std::map<std::string, Tensor> found(state.optimizer.begin(), state.optimizer.end());
  size_t taken = 0;
  for (const auto& [name, tensor] : optimizer) {
    const auto source = found.find(name);
    if (source == found.end()) continue;
    if (source->second.shape() == tensor.shape()) {
      tensor.copy_from(source->second.to(tensor.dtype()));
      ++taken;
    } else {
      SF_LOG("{}", cat("Optimizer tensor ", name, " not loaded: wanted ", tensor.shape(),
                       ", found ", source->second.shape(), "."));
    }
  }
  SF_LOG("{} of {} optimizer tensors loaded.", taken, optimizer.size());
  if (taken == 0) state.optimizer_steps = 0;
}

TrainingStart at(StartFile from, const Config& config, const NamedTensors& optimizer,
                 const std::vector<std::vector<Parameter>>& groups) {
  name_optimizer(from, groups);
  take_optimizer(from.state, optimizer);
  from.state.model.clear();
  from.state.optimizer.clear();
  const auto seed = uint64_t(config.get<int64_t>("RNG_SEED"));
  if (from.state.seed && from.state.seed != seed)
    SF_WARN(
        "RNG_SEED is {}, but {} was trained with {}: the clips come in another order from here.",
        seed, from.path, *from.state.seed);
  return {.state = std::move(from.state), .path = from.path};
}

TrainingStart at_given_file(StartFile from, const Config& config, const Model& model,
                            const NamedTensors& optimizer,
                            const std::vector<std::vector<Parameter>>& groups) {
  const LoadReport report = take_weights(from, model, load_rules(config));
  const bool reset = config.get<bool>("TRAIN.CHECKPOINT_EPOCH_RESET");
  const std::string reason = misfit(report);
  if (reset || !reason.empty()) {
    if (!reset)
      SF_LOG("{} is of another network ({}): the epochs start at 1 and the optimizer anew.",
             from.path, reason);
    return {.state = {}, .path = from.path};
  }
  TrainingStart start = at(std::move(from), config, optimizer, groups);
  const auto last = config.get<int64_t>("SOLVER.MAX_EPOCH");
  if (start.state.epochs >= last)
    SF_WARN(
        "{} stands behind epoch {}, and SOLVER.MAX_EPOCH is {}: nothing is left to train. To train "
        "with its weights from epoch 1 on, set TRAIN.CHECKPOINT_EPOCH_RESET True.",
        start.path, start.state.epochs, last);
  return start;
}

TrainingStart at_own_file(StartFile from, const Config& config, const Model& model,
                          const NamedTensors& optimizer,
                          const std::vector<std::vector<Parameter>>& groups) {
  const std::string reason = misfit(take_weights(from, model, {}));
  SF_CHECK(reason.empty(), from.path, ": wanted a checkpoint of this network (", reason,
           "); choose another OUTPUT_DIR or set TRAIN.AUTO_RESUME False");
  TrainingStart start = at(std::move(from), config, optimizer, groups);
  start.resumed = true;
  return start;
}

}  // namespace

std::optional<StartFile> find_start_file(const Config& config) {
  if (config.get<bool>("TRAIN.AUTO_RESUME")) {
    if (auto last = newest_whole(config)) {
      SF_LOG("Load from last checkpoint.");
      last->resume = true;
      return last;
    }
  }
  const auto given = config.get<std::string>("TRAIN.CHECKPOINT_FILE_PATH");
  if (given.empty()) return {};
  SF_LOG("Load from given checkpoint file.");
  return load(given);
}

TrainingStart start_training(const Config& config, std::optional<StartFile> file,
                             const Model& model, const NamedTensors& optimizer,
                             const std::vector<std::vector<Parameter>>& groups) {
  TrainingStart start;
  if (file) {
    const auto take = file->resume ? at_own_file : at_given_file;
    start = take(std::move(*file), config, model, optimizer, groups);
  }
  start.state.seed = uint64_t(config.get<int64_t>("RNG_SEED"));
  SF_LOG("Start epoch: {}", start.state.epochs + 1);
  return start;
}

void share_start(const TrainingRanks& ranks, TrainingState& state, const Model& model,
                 const NamedTensors& optimizer) {
  if (ranks.size() == 1) return;
  take_from_first(ranks, tensors_of(model));
  take_from_first(ranks, optimizer);
  auto scale = std::bit_cast<int64_t>(state.loss_scale.value_or(0));
  auto notes = int64_t(state.notes.size());
  for (int64_t* value : {&state.epochs, &state.iterations, &state.next_batch,
                         &state.optimizer_steps, &state.loss_scale_steps, &scale, &notes})
    *value = told_by(ranks, 0, *value);
  if (scale != 0) state.loss_scale = std::bit_cast<double>(scale);
  auto note = state.notes.begin();
  for (int64_t i = 0; i < notes; ++i) {
    const bool mine = ranks.leads();
    const std::string name = told_by(ranks, 0, mine ? note->first : "");
    const std::string text = told_by(ranks, 0, mine ? note++->second : "");
    if (!mine) state.notes[name] = text;
  }
}

}  // namespace sf
