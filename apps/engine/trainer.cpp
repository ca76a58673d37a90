#include "apps/engine/trainer.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "apps/engine/batch_report.h"
#include "apps/engine/boxes.h"
#include "apps/engine/checkpointer.h"
#include "apps/engine/learning_rate.h"
#include "apps/engine/logging.h"
#include "apps/engine/multigrid.h"
#include "apps/engine/progress.h"
#include "apps/engine/setup.h"
#include "apps/engine/training_curves.h"
#include "apps/engine/training_meters.h"
#include "apps/engine/training_stage.h"
#include "apps/engine/training_start.h"
#include "apps/engine/training_targets.h"
#include "layers/conv.h"

namespace sf {
namespace {

constexpr const char* kMeterNote = "train_meter";
constexpr const char* kCurves = "training.svg";  // in OUTPUT_DIR

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Training {
 public:
  Training(const Config& config, const std::shared_ptr<ProcessGroup>& world);
  void run();

 private:
  // Where a run goes on.
  struct Position {
    int64_t epoch = 0, iteration = 0;
  };

  int64_t stage_of(int64_t epoch) const;
  Config config_of(int64_t stage) const;
  void enter(int64_t stage);
  Position start();
  int64_t batches() const;  // of an epoch
  void train_epoch(Position from);
  TrainMeter::Iteration train_batch(int64_t epoch, int64_t iteration, const TrainBatch& batch);
  Error with_file(const NotFiniteLoss& error, int64_t epoch, int64_t iteration,
                  const TrainBatch& batch) const;
  void finish_epoch(int64_t epoch);
  TrainingState state(int64_t epochs, int64_t iterations) const;

  std::vector<MultigridStage> cycle_;
  std::vector<int64_t> stage_ends_;
  Config config_;
  TrainingRanks ranks_;
  int64_t accumulate_;  // batches of one step of the optimiser
  LearningRate learning_rate_;
  std::optional<MixupOptions> mixup_;
  std::unique_ptr<Dataset> train_set_, val_set_;
  std::shared_ptr<ArenaMemory> memory_;  // of all plans, which run in turn
  int64_t stage_number_ = 0;
  std::unique_ptr<TrainingStage> stage_;
  TrainingHistory history_;
  std::unique_ptr<TrainMeter> meter_;
  std::unique_ptr<Checkpointer> checkpoints_;  // of the first rank
  std::string meter_state_;                    // of an interrupted epoch
};

Training::Training(const Config& config, const std::shared_ptr<ProcessGroup>& world)
    : cycle_(multigrid_stages(config)),
      config_(with_multigrid_schedule(config, cycle_)),
      ranks_(training_ranks(config_, world)),
      accumulate_(config.get<int64_t>("SF.ACCUMULATE")),
      learning_rate_(config_),
      mixup_(mixup_options(config_)),
      train_set_(make_dataset(config.get<std::string>("TRAIN.DATASET"), Split::train, config)),
      val_set_(make_dataset(config.get<std::string>("TRAIN.DATASET"), Split::val, config)),
      memory_(std::make_shared<ArenaMemory>(device_of(config))) {
  SF_CHECK(accumulate_ > 0, "SF.ACCUMULATE: wanted at least 1, found ", accumulate_);
  SF_CHECK(accumulate_ == 1 || !config.get<bool>("MULTIGRID.SHORT_CYCLE"),
           "SF.ACCUMULATE: wanted 1 where MULTIGRID.SHORT_CYCLE changes the batches, found ",
           accumulate_);
  for (const MultigridStage& stage : cycle_) stage_ends_.push_back(stage.end_epoch);
}

// The first of the stages around the epoch that have the same clips.
int64_t Training::stage_of(int64_t epoch) const {
  if (cycle_.empty()) return 0;
  const auto past = std::ranges::upper_bound(stage_ends_, epoch);
  auto stage = size_t(std::min(past - stage_ends_.begin(), std::ssize(stage_ends_) - 1));
  const auto alike = [](const MultigridStage& a, const MultigridStage& b) {
    return a.frames == b.frames && a.crop == b.crop && a.batch_factor == b.batch_factor;
  };
  while (stage > 0 && alike(cycle_[stage], cycle_[stage - 1])) --stage;
  return int64_t(stage);
}

// Those that do not make up a whole step at the end of an epoch are left out.
int64_t Training::batches() const {
  const int64_t all = stage_->loader().batches();
  SF_CHECK(all >= accumulate_, "SF.ACCUMULATE: wanted at most the ", all,
           " batches of an epoch, found ", accumulate_);
  return all / accumulate_ * accumulate_;
}

Config Training::config_of(int64_t stage) const {
  if (cycle_.empty()) return config_;
  const int64_t of_machine = ranks_.size() / config_.get<int64_t>("NUM_SHARDS");
  return stage_config(config_, cycle_[size_t(stage)], ranks_.size() > 1 ? of_machine : 0);
}

void Training::enter(int64_t stage) {
  const Config config = config_of(stage);
  auto next = std::make_unique<TrainingStage>(config, *train_set_, *val_set_, memory_, ranks_);
  if (stage_) next->take_over(*stage_);
  stage_ = std::move(next);
  stage_number_ = stage;
  meter_ = std::make_unique<TrainMeter>(config, batches(), history_);
  if (cycle_.empty()) return;
  SF_LOG("Long cycle updates: {}, batches of {} clips, {} frames of {}x{}, sampling rate up to {}.",
         config.get<std::string>("BN.NORM_TYPE"), config.get<int64_t>("TRAIN.BATCH_SIZE"),
         config.get<int64_t>("DATA.NUM_FRAMES"), config.get<int64_t>("DATA.TRAIN_CROP_SIZE"),
         config.get<int64_t>("DATA.TRAIN_CROP_SIZE"),
         config.get<int64_t>("MULTIGRID.LONG_CYCLE_SAMPLING_RATE"));
}

Training::Position Training::start() {
  std::optional<StartFile> file;
  if (ranks_.leads()) file = find_start_file(config_);
  // The splits of batch norm are those of the stage that the checkpoint comes from.
  enter(stage_of(told_by(ranks_, 0, file ? file->state.epochs : 0)));
  TrainingStart found;
  if (ranks_.leads())
    found = start_training(config_, std::move(file), stage_->model(), stage_->optimizer().state(),
                           stage_->optimizer().group_parameters());
  share_start(ranks_, found.state, stage_->model(), stage_->optimizer().state());
  stage_->optimizer().set_step(found.state.optimizer_steps);
  if (found.state.loss_scale)
    stage_->scaler().restore(*found.state.loss_scale, found.state.loss_scale_steps);
  const Position at{found.state.epochs, found.state.next_batch};
  if (found.resumed)
    history_ =
        read_history(config_.get<std::string>("OUTPUT_DIR"), at.epoch, found.state.iterations);
  if (at.iteration > 0) meter_state_ = found.state.notes[kMeterNote];
  if (ranks_.leads()) checkpoints_ = std::make_unique<Checkpointer>(config_, found.resumed);
  return at;
}

void log_precision(const Config& config) {
  if (const auto half = half_type(config, true))
    SF_LOG("Mixed precision: activations and weights are stored as {}, master weights as f32.",
           name_of(*half));
  else if (config.get<bool>("TRAIN.MIXED_PRECISION"))
    SF_LOG("TRAIN.MIXED_PRECISION counts as False: this processor does not multiply bf16.");
}

void Training::run() {
  log_precision(config_);
  const auto epochs = config_.get<int64_t>("SOLVER.MAX_EPOCH");
  Position at = start();
  if (at.epoch >= epochs) {
    stage_->validate(epochs - 1, history_);
    return;
  }
  std::vector<double> times;
  for (; at.epoch < epochs; at = {at.epoch + 1, 0}) {
    if (const int64_t stage = stage_of(at.epoch); stage != stage_number_) enter(stage);
    const double begin = seconds();
    train_epoch(at);
    times.push_back(seconds() - begin);
    SF_LOG("Epoch {} takes {:.2f}s; {:.2f}s an iteration.", at.epoch + 1, times.back(),
           times.back() / double(std::max<int64_t>(batches() - at.iteration, 1)));
    finish_epoch(at.epoch);
  }
  for (const std::string& line : loss_plot(history_)) SF_LOG("{}", line);
  SF_CHECK(!checkpoints_ || checkpoints_->finish(),
           "the last checkpoint is not saved: ", checkpoints_->failure());
}

void Training::train_epoch(Position from) {
  TrainLoader& loader = stage_->loader();
  loader.start(from.epoch, from.iteration);
  if (!meter_state_.empty()) meter_->restore(meter_state_);
  meter_state_.clear();
  ProgressBar progress(cat("Epoch ", from.epoch + 1), "batches", batches() - from.iteration);
  double begin = seconds();
  for (int64_t i = from.iteration; i < batches(); ++i) {
    const auto batch = loader.next();
    if (!batch) break;
    const double arrived = seconds();
    TrainMeter::Iteration done = train_batch(from.epoch, i, *batch);
    const double end = seconds();
    done.data_seconds = arrived - begin;
    done.network_seconds = end - arrived;
    done.seconds = end - begin;
    begin = end;
    progress.clear();
    meter_->add(done);
    meter_->log_iteration(from.epoch, i, memory_use());
    progress.advance(1);
    if (checkpoints_ && checkpoints_->due_behind(i + 1) && (i + 1) % accumulate_ == 0 &&
        i + 1 < batches())
      checkpoints_->save(state(from.epoch, i + 1));
  }
  progress.clear();
  meter_->log_epoch(from.epoch, memory_use());
  int64_t replaced = loader.replaced();
  add_up(ranks_, std::span(&replaced, 1));
  if (replaced > 0)
    SF_WARN("{} clips of videos that cannot be read were replaced so far.", replaced);
}

TrainMeter::Iteration Training::train_batch(int64_t epoch, int64_t iteration,
                                            const TrainBatch& batch) {
  const Shape& clips = batch.pathways[0].shape();
  const int64_t boxes = batch.boxes ? batch.boxes->count : 0;
  TrainStep& step = stage_->step(clips[0], clips[2], boxes);
  const int64_t step_begin = iteration / accumulate_ * accumulate_;
  const double rate = learning_rate_.at(double(epoch) + double(step_begin) / double(batches()));
  Optimizer& optimizer = stage_->optimizer();
  optimizer.set_learning_rate(rate);
  if ((iteration + 1) % accumulate_ == 0) optimizer.set_step(optimizer.step() + 1);
  const TrainingTargets targets(config_, mixup_, epoch, iteration, batch);
  std::vector<Tensor> inputs = batch.pathways;
  if (batch.boxes) inputs.push_back(first_rows(batch.boxes->boxes, boxes));
  try {
    const TrainStep::Result result = step.run(inputs, targets.values(), (epoch << 32) + iteration);
    if (result.skipped) optimizer.set_step(optimizer.step() - 1);
    TopMisses missed{.clips = clips[0]};
    if (!batch.boxes) missed = targets.misses(result.logits, batch.labels);
    report_batch(ranks_, stage_->loader(), missed);
    return {.clips = missed.clips,
            .loss = result.loss,
            .errors = missed.errors(),
            .learning_rate = rate,
            .gradient_norm = result.gradient_norm};
  } catch (const NotFiniteLoss& e) { throw with_file(e, epoch, iteration, batch); }
}

// Of boxes the row that is not finite may be a box's.
Error Training::with_file(const NotFiniteLoss& error, int64_t epoch, int64_t iteration,
                          const TrainBatch& batch) const {
  std::string file;
  const auto clip = size_t(error.origin.clip);  // or the row of a weight's gradient
  if (!batch.boxes && error.origin.rank == ranks_.rank() && clip < batch.videos.size())
    file = cat(" (", train_set_->video(batch.videos[clip]).path, ")");
  return Error(cat("epoch ", epoch + 1, ", iteration ", iteration + 1, ": ", error.what(),
                   told_by(ranks_, error.origin.rank, file)));
}

void Training::finish_epoch(int64_t epoch) {
  const bool save = is_checkpoint_epoch(config_, epoch, stage_ends_);
  const bool evaluate = is_eval_epoch(config_, epoch, stage_ends_);
  if (save || evaluate) memory_->release();  // what follows needs other memory
  if ((save || evaluate) && config_.get<bool>("BN.USE_PRECISE_STATS"))
    stage_->measure_batch_norm(epoch);
  if (stage_->model().batch_norm_splits() > 1) aggregate_batch_norm_splits(stage_->model());
  if (save || evaluate) take_from_first(ranks_, buffers_of(stage_->model()));
  if (save && checkpoints_) checkpoints_->save(state(epoch + 1, 0));
  if (evaluate) {
    const double error = stage_->validate(epoch, history_);
    if (checkpoints_) checkpoints_->save_if_best(state(epoch + 1, 0), error);
  }
  if (!ranks_.leads()) return;
  const std::filesystem::path folder = config_.get<std::string>("OUTPUT_DIR");
  try {
    write_training_curves(folder / kCurves, history_, folder.filename().string());
  } catch (const Error& error) { SF_WARN("{}", error.what()); }  // the next epoch draws them anew
}

TrainingState Training::state(int64_t epochs, int64_t iterations) const {
  TrainingState state = stage_->state();
  state.epochs = epochs;
  state.iterations = state.next_batch = iterations;
  if (!history_.validation.empty()) state.best_error = history_.min_top1_error();
  if (iterations > 0) state.notes[kMeterNote] = meter_->state();
  return state;
}

}  // namespace

void train(const Config& config, const std::shared_ptr<ProcessGroup>& world) {
  const QuietThread quiet(world && world->rank() > 0);
  for (const std::string& line : split_lines(config.dump())) SF_LOG("{}", line);
  check_log();  // a folder that takes nothing now will take no checkpoint
  Training training(config, world);
  try {
    training.run();
  } catch (const std::exception& e) {
    if (world) world->fail(e.what());  // before the objects of this rank wait for others
    throw;
  }
}

}  // namespace sf
