#include "apps/engine/batch_report.h"

#include <array>

namespace sf {

void report_batch(const TrainingRanks& ranks, TrainLoader& loader, TopMisses& missed) {
  const auto faults = loader.take_faults();
  std::array counts{missed.clips, missed.top1, missed.top5, int64_t(faults.size())};
  add_up(ranks, counts);
  missed = {counts[0], counts[1], counts[2]};
  for (const std::string& fault : all_of(ranks, counts[3] > 0, faults)) SF_WARN("{}", fault);
}

}  // namespace sf
