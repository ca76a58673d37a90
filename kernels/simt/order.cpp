#include "kernels/simt/order.h"

#include <atomic>
#include <cstdlib>

namespace sf::simt {
namespace {

std::atomic<unsigned>& current_seed() {
  static std::atomic<unsigned> seed = [] {
    const char* text = std::getenv("SF_SIMT_SEED");
    return text ? unsigned(std::strtoul(text, nullptr, 10)) : 0U;
  }();
  return seed;
}

}  // namespace

unsigned seed() { return current_seed(); }
ScopedSeed::ScopedSeed(unsigned seed) : before_(current_seed().exchange(seed)) {}
ScopedSeed::~ScopedSeed() { current_seed() = before_; }

}  // namespace sf::simt
