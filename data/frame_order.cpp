#include "data/frame_order.h"

#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {

FrameOrder parse_frame_order(std::string_view word, std::string_view where) {
  if (word == "natural") return FrameOrder::natural;
  if (word == "shuffled") return FrameOrder::shuffled;
  if (word == "single") return FrameOrder::single;
  throw Error(cat(where, ": wanted natural, shuffled or single, found \"", word, "\""));
}

std::vector<int64_t> in_order(FrameOrder order, std::vector<int64_t> frames,
                              const CounterRng& rng) {
  if (order == FrameOrder::natural || frames.empty()) return frames;
  if (order == FrameOrder::single) {
    frames.assign(frames.size(), frames[frames.size() / 2]);
    return frames;
  }
  std::vector<int64_t> shuffled;
  for (int64_t i : permutation(rng, int64_t(frames.size()))) shuffled.push_back(frames[size_t(i)]);
  return shuffled;
}

}  // namespace sf
