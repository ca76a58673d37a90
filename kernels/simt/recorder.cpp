#include "kernels/simt/recorder.h"

#include <algorithm>
#include <array>

namespace sf::simt {
namespace {

constexpr uintptr_t kSector = 32, kWord = 4;
constexpr size_t kBanks = 32, kPassBytes = kBanks * kWord;

uint64_t place_key(const Site& where, Access kind) {
  return (reinterpret_cast<uintptr_t>(where.file_name()) * 0x9E3779B97F4A7C15u) ^
         uint64_t(where.line()) << 20 ^ uint64_t(where.column()) << 1 ^
         uint64_t(kind == Access::store);
}

// Passes for the accesses of lanes that go together: the most different words in one bank.
int64_t passes(std::span<const uintptr_t> addresses, size_t bytes) {
  std::vector<uintptr_t> words;
  for (const uintptr_t address : addresses)
    for (uintptr_t byte = 0; byte < bytes; byte += kWord) words.push_back((address + byte) / kWord);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::array<int64_t, kBanks> in_bank{};
  for (const uintptr_t word : words) ++in_bank[word % kBanks];
  return *std::max_element(in_bank.begin(), in_bank.end());
}

}  // namespace

void Recorder::access(const Thread& thread, Access kind, bool shared, const void* address,
                      size_t bytes, const Site& where) {
  const uint64_t place = place_key(where, kind) ^ uint64_t(shared) << 63;
  const uint64_t ordinal = passed_[{place, 0, &thread}]++;
  WarpAccess& access = accesses_[{place, ordinal, thread.warp}];
  access.shared = shared;
  access.store = kind == Access::store;
  access.bytes = bytes;
  access.addresses[access.lanes++] = reinterpret_cast<uintptr_t>(address);
}

void Recorder::matrix(std::span<const void* const, 8> rows) {
  std::array<uintptr_t, 8> addresses;
  for (size_t i = 0; i < 8; ++i) addresses[i] = reinterpret_cast<uintptr_t>(rows[i]);
  const int64_t made = passes(addresses, 16);
  ++counts.shared_accesses;
  counts.shared_passes += made;
  counts.bank_conflicts += made - 1;
}

void Recorder::end_block() {
  for (const auto& [key, access] : accesses_)
    access.shared ? account_shared(access) : account_global(access);
  accesses_.clear();
  passed_.clear();
  ++counts.blocks;
}

void Recorder::account_global(const WarpAccess& access) {
  std::vector<uintptr_t> sectors;
  for (int i = 0; i < access.lanes; ++i) sectors.push_back(access.addresses[i] / kSector);
  std::sort(sectors.begin(), sectors.end());
  const auto touched = std::unique(sectors.begin(), sectors.end()) - sectors.begin();
  const auto bytes = int64_t(access.bytes) * access.lanes;
  (access.store ? counts.global_stores : counts.global_loads) += 1;
  (access.store ? counts.global_store_sectors : counts.global_load_sectors) += touched;
  (access.store ? counts.global_store_bytes : counts.global_load_bytes) += bytes;
  if (access.bytes < 16) ++counts.narrow_global_accesses;
}

// 128 bytes go in a pass: all lanes with 4 bytes each, 16 with 8, 8 with 16.
void Recorder::account_shared(const WarpAccess& access) {
  const size_t together =
      std::min<size_t>(kPassBytes / std::max(access.bytes, size_t(kWord)), size_t(kWarpSize));
  const std::span all(access.addresses, size_t(access.lanes));
  int64_t made = 0, least = 0;
  for (size_t i = 0; i < all.size(); i += together, ++least)
    made += passes(all.subspan(i, std::min(together, all.size() - i)), access.bytes);
  ++counts.shared_accesses;
  counts.shared_passes += made;
  counts.bank_conflicts += made - least;
}

}  // namespace sf::simt
