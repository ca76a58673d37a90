#include "kernels/base/cuda/peaks.h"

#include <algorithm>
#include <array>

namespace sf::cuda {
namespace {

// Operations of a multiprocessor in a clock, two a multiply-add.
struct PerClock {
  int capability;  // ten times the major number and the minor one
  double single, half;
};

// From NVIDIA's architecture papers of Ampere, Ada, Hopper and Blackwell.
constexpr std::array kPerClock{PerClock{80, 128, 2048},  PerClock{86, 256, 1024},
                               PerClock{89, 256, 1024},  PerClock{90, 256, 4096},
                               PerClock{100, 256, 8192}, PerClock{103, 256, 8192},
                               PerClock{120, 256, 1024}};

}  // namespace

std::optional<Peaks> peaks_of(const Properties& p) {
  const int capability = 10 * p.major + p.minor;
  const auto* found = std::ranges::find(kPerClock, capability, &PerClock::capability);
  if (found == kPerClock.end() || p.clock <= 0 || p.memory_clock <= 0) return {};
  // GeForce cards add products of half types up in float32 at half the rate of the other ones.
  const bool geforce = p.name.find("GeForce") != std::string::npos;
  const double clocks = p.clock * p.multiprocessors, half = found->half / (geforce ? 2 : 1);
  return Peaks{.bandwidth = 2 * p.memory_clock * p.memory_bits / 8,
               .single = clocks * found->single,
               .tf32 = clocks * half / 2,
               .half = clocks * half};
}

}  // namespace sf::cuda
