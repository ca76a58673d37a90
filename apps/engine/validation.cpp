#include "apps/engine/validation.h"

#include <chrono>

#include "apps/engine/inference.h"
#include "apps/engine/progress.h"
#include "apps/engine/setup.h"
#include "apps/engine/stored_batch.h"
#include "data/train_loader.h"

namespace sf {

TopErrors validate(const Config& config, const Model& model, const Dataset& val_set, int64_t epoch,
                   TrainingHistory& history, std::shared_ptr<ArenaMemory> memory) {
  const TrainLoaderOptions options = train_loader_options(config, Split::val);
  TrainLoader loader(val_set, options);
  loader.start(epoch);
  Inference network(model, config.get<int64_t>("DATA.TRAIN_CROP_SIZE"),
                    {.device = Device::parse(config.get<std::string>("SF.DEVICE")),
                     .max_batch = config.get<int64_t>("TRAIN.BATCH_SIZE"),
                     .memory_limit_bytes = memory_limit_bytes(config, false),
                     .check_finite = config.get<bool>("SF.CHECK_FINITE"),
                     .half = half_type(config, false),
                     .memory = std::move(memory)});
  ValMeter meter(config, loader.batches(), history);
  ProgressBar progress("Validating", "batches", loader.batches());
  double start = progress.seconds();
  for (int64_t i = 0; auto batch = loader.next(); ++i) {
    const Tensor scores = network.run(split_clips(batch->pathways)).scores;
    progress.clear();
    for (const std::string& fault : loader.take_faults()) SF_WARN("{}", fault);
    const double now = progress.seconds();
    meter.add(top_errors(scores, batch->labels), int64_t(batch->labels.size()), now - start);
    start = now;
    meter.log_iteration(epoch, i, memory_use());
    progress.advance(1);
  }
  progress.clear();
  return meter.log_epoch(epoch, memory_use());
}

}  // namespace sf
