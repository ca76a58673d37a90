#include "apps/engine/validation.h"

#include "apps/engine/progress.h"
#include "apps/engine/setup.h"
#include "apps/engine/stored_batch.h"

namespace sf {

InferenceOptions validation_options(const Config& config, std::shared_ptr<ArenaMemory> memory) {
  return {.device = device_of(config),
          .max_batch = config.get<int64_t>("TRAIN.BATCH_SIZE"),
          .memory_limit_bytes = memory_limit_bytes(config, false),
          .check_finite = config.get<bool>("SF.CHECK_FINITE"),
          .kernels = kernel_choice(config, false),
          .memory = std::move(memory)};
}

Validation::Validation(const Config& config, const Model& model, const Dataset& val_set,
                       std::shared_ptr<ArenaMemory> memory)
    : config_(config),
      loader_(val_set, train_loader_options(config, Split::val)),
      network_(model, config.get<int64_t>("DATA.TRAIN_CROP_SIZE"),
               validation_options(config, std::move(memory))) {
  network_.release_weights();  // every run reads them anew
}

TopErrors Validation::run(int64_t epoch, TrainingHistory& history) {
  loader_.start(epoch);
  ValMeter meter(config_, loader_.batches(), history);
  ProgressBar progress("Validating", "batches", loader_.batches());
  double start = progress.seconds();
  for (int64_t i = 0; auto batch = loader_.next(); ++i) {
    const Tensor scores = network_.run(split_clips(batch->pathways)).scores;
    progress.clear();
    for (const std::string& fault : loader_.take_faults()) SF_WARN("{}", fault);
    const double now = progress.seconds();
    meter.add(top_errors(scores, batch->labels), int64_t(batch->labels.size()), now - start);
    start = now;
    meter.log_iteration(epoch, i, memory_use());
    progress.advance(1);
  }
  progress.clear();
  network_.release_weights();
  return meter.log_epoch(epoch, memory_use());
}

}  // namespace sf
