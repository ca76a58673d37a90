// The ranks that train together, and what they tell each other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/epoch_order.h"
#include "dist/process_group.h"
#include "dist/reduction_queue.h"
#include "tensor/tensor.h"

namespace sf {

// As one of them sees them. A process that trains alone is one rank, and exchanges nothing.
struct TrainingRanks {
  std::shared_ptr<ProcessGroup> world{};        // of host memory; null: alone
  std::shared_ptr<ProcessGroup> batch_norm{};   // of the device's, as TrainingRules have it
  std::shared_ptr<ReductionQueue> gradients{};  // of the device's; null: alone
  int64_t bucket_bytes = int64_t{25} << 20;     // of gradients that are added up together

  int rank() const { return world ? world->rank() : 0; }
  int size() const { return world ? world->size() : 1; }
  bool leads() const { return rank() == 0; }
  // repeat: as BatchPart has it.
  BatchPart batch_part(bool repeat = false) const { return {rank(), size(), repeat}; }
};

// The clips of a batch that are a rank's own, by TRAIN.BATCH_SIZE or TEST.BATCH_SIZE, which is that
// of one machine. Throws where the batch of all machines does not divide so.
int64_t clips_of_rank(const Config& config, const char* key, const TrainingRanks& ranks);

// For that configuration, whose batch norm and device it follows. All ranks of `world` call it
// together; on a CUDA device each has one of its own. With `before` what does not depend on the
// configuration stays.
TrainingRanks training_ranks(const Config& config, std::shared_ptr<ProcessGroup> world = nullptr);
TrainingRanks training_ranks(const Config& config, const TrainingRanks& before);

// SF.REPEAT_VIDEOS: whether validation and tests of key frames repeat videos so that all ranks have
// as many.
bool repeats_videos(const Config& config);

// What follows is called by all ranks together, and costs nothing alone.

// The values become their sums over the ranks.
void add_up(const TrainingRanks& ranks, std::span<double> values);
void add_up(const TrainingRanks& ranks, std::span<int64_t> values);
// The value of each rank.
std::vector<int64_t> all_of(const TrainingRanks& ranks, int64_t value);
// That of rank `from`.
int64_t told_by(const TrainingRanks& ranks, int from, int64_t value);
std::string told_by(const TrainingRanks& ranks, int from, std::string text);
// The lines of all ranks, in the order of the ranks. `any`: whether one of them has some, as all
// know.
std::vector<std::string> all_of(const TrainingRanks& ranks, bool any,
                                const std::vector<std::string>& lines);
// The tensors, in memory of any device, become those of rank 0.
void take_from_first(const TrainingRanks& ranks, const NamedTensors& tensors);

}  // namespace sf
