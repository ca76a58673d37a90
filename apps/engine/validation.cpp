#include "apps/engine/validation.h"

#include "apps/engine/batch_report.h"
#include "apps/engine/progress.h"
#include "apps/engine/setup.h"
#include "apps/engine/stored_batch.h"

namespace sf {

InferenceOptions validation_options(const Config& config, std::shared_ptr<ArenaMemory> memory,
                                    const TrainingRanks& ranks) {
  return {.device = device_of(config),
          .max_batch = clips_of_rank(config, "TRAIN.BATCH_SIZE", ranks),
          .memory_limit_bytes = memory_limit_bytes(config, false),
          .check_finite = config.get<bool>("SF.CHECK_FINITE"),
          .kernels = kernel_choice(config, false),
          .memory = std::move(memory)};
}

Validation::Validation(const Config& config, const Model& model, const Dataset& val_set,
                       std::shared_ptr<ArenaMemory> memory, const TrainingRanks& ranks)
    : config_(config),
      ranks_(ranks),
      dtype_(model.dtype()),
      loader_(val_set,
              train_loader_options(config, Split::val, ranks.batch_part(repeats_videos(config)))),
      network_(model, config.get<int64_t>("DATA.TRAIN_CROP_SIZE"),
               validation_options(config, std::move(memory), ranks)) {
  network_.release_weights();  // every run reads them anew
}

// The last batch may have no clips for this rank.
TopMisses Validation::run_batch(const TrainBatch& batch) {
  if (batch.labels.empty()) return {};
  std::vector<Tensor> pathways = batch.pathways;
  if (dtype_ == DType::f64)
    for (Tensor& pathway : pathways) pathway = pathway.to(dtype_);
  return top_misses(network_.run(split_clips(pathways)).scores, batch.labels);
}

TopErrors Validation::run(int64_t epoch, TrainingHistory& history) {
  loader_.start(epoch);
  ValMeter meter(config_, loader_.batches(), history);
  ProgressBar progress("Validating", "batches", loader_.batches());
  double start = progress.seconds();
  for (int64_t i = 0; auto batch = loader_.next(); ++i) {
    TopMisses missed = run_batch(*batch);
    progress.clear();
    report_batch(ranks_, loader_, missed);
    const double now = progress.seconds();
    meter.add(missed.errors(), missed.clips, now - start);
    start = now;
    meter.log_iteration(epoch, i, memory_use());
    progress.advance(1);
  }
  progress.clear();
  network_.release_weights();
  return meter.log_epoch(epoch, memory_use());
}

}  // namespace sf
