#include "kernels/simt/counters.h"

#include <atomic>

#include "kernels/base/error.h"

namespace sf::simt {
namespace {

std::atomic<Counters*> current = nullptr;

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  launches += other.launches;
  blocks += other.blocks;
  global_loads += other.global_loads;
  global_load_sectors += other.global_load_sectors;
  global_load_bytes += other.global_load_bytes;
  global_stores += other.global_stores;
  global_store_sectors += other.global_store_sectors;
  global_store_bytes += other.global_store_bytes;
  narrow_global_accesses += other.narrow_global_accesses;
  shared_accesses += other.shared_accesses;
  shared_passes += other.shared_passes;
  bank_conflicts += other.bank_conflicts;
  tensor_core_fma += other.tensor_core_fma;
  fma += other.fma;
  barriers += other.barriers;
  return *this;
}

Counters::Counters() {
  Counters* none = nullptr;
  SF_CHECK(current.compare_exchange_strong(none, this),
           "simt: wanted one Counters at a time, found another");
}

Counters::~Counters() { current = nullptr; }

Counts Counters::total() const {
  Counts sum;
  for (const auto& [launch, counts] : by_launch_) sum += counts;
  return sum;
}

Counters* Counters::active() { return current; }

}  // namespace sf::simt
