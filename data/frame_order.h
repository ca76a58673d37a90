// The order of a clip's frames: natural, or one without motion to compare with.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/counter_rng.h"

namespace sf {

// shuffled: the frames of a clip in random order. single: its middle frame alone, repeated.
enum class FrameOrder { natural, shuffled, single };

// Throws for other words; `where` stands before the message.
FrameOrder parse_frame_order(std::string_view word, std::string_view where);

// `frames` in that order. `rng` decides how they are shuffled.
std::vector<int64_t> in_order(FrameOrder order, std::vector<int64_t> frames, const CounterRng& rng);

}  // namespace sf
