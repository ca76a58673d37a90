// What libFuzzer does for hours, in seconds and the same every time: the seeds of a target, and
// mutations of them.
#include <algorithm>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/counter_rng.h"
#include "tests/fuzz/target.h"
#include "tests/hang_guard.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

constexpr int kMutations = 3000;

std::vector<std::string> seeds() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SF_SEEDS))
    paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<std::string> contents;
  for (const auto& path : paths) contents.push_back(read_bytes(path));
  return contents;
}

// In a block of exactly this size, so that sanitizers see reads behind it.
void run(const std::string& input) {
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

class Mutator {
 public:
  explicit Mutator(uint64_t number) : rng_(fnv1a64(SF_READER) + number) {}

  std::string mutate(std::string bytes, const std::string& other) {
    const uint64_t changes = 1 + draw(6);
    for (uint64_t i = 0; i < changes && !bytes.empty(); ++i) change(bytes, other);
    return bytes;
  }
  uint64_t draw(uint64_t below) { return rng_.bits(next_++) % below; }

 private:
  void change(std::string& bytes, const std::string& other) {
    const size_t at = draw(bytes.size());
    const size_t length = std::min<size_t>(1 + draw(16), bytes.size() - at);
    switch (draw(8)) {
      case 0: bytes[at] = char(uint8_t(bytes[at]) ^ 1u << draw(8)); break;
      case 1: bytes[at] = char(draw(256)); break;
      case 2: bytes.resize(at); break;
      case 3: bytes.erase(at, length); break;
      case 4: bytes.insert(at, bytes.substr(at, length)); break;
      case 5: bytes.replace(at, length, length, '\xFF'); break;
      case 6: bytes.replace(at, length, length, '\0'); break;
      default: {
        const size_t from = draw(other.size());
        bytes.replace(at, length, other.substr(from, 1 + draw(64)));
      }
    }
  }

  CounterRng rng_;
  uint64_t next_ = 0;
};

TEST(Replay, SeedsAreReadAndMutationsEndInAResultOrALine) {
  const auto inputs = seeds();
  ASSERT_FALSE(inputs.empty());
  const HangGuard guard;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int64_t before = fuzz::outcomes().results;
    run(inputs[i]);
    EXPECT_GT(fuzz::outcomes().results, before) << "seed " << i;
  }
  fuzz::outcomes() = {};
  for (uint64_t number = 0; number < kMutations; ++number) {
    SCOPED_TRACE(number);
    Mutator mutator(number);
    const std::string& other = inputs[mutator.draw(inputs.size())];
    run(mutator.mutate(inputs[mutator.draw(inputs.size())], other));
  }
  // Mutations that all pass or all fail would try one path.
  EXPECT_GT(fuzz::outcomes().results, 0);
  EXPECT_GT(fuzz::outcomes().errors, kMutations / 20);
}

}  // namespace
}  // namespace sf
