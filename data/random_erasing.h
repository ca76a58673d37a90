// Random erasing (Zhong et al. 2017) as PySlowFast does it: rectangles of a normalised clip are
// overwritten.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "data/clip_view.h"
#include "data/spatial.h"
#include "kernels/base/counter_rng.h"

namespace sf {

// Zero, the mean of the data; a random colour for each frame; random pixels. Colours and pixels are
// standard normal.
enum class ErasingFill { zero, color, pixels };

struct RandomErasingOptions {
  double probability = 0.25;
  ErasingFill fill = ErasingFill::pixels;
  int most_boxes = 1;  // their number is drawn from 1 to this. Above 1, the first frames /
                       // most_boxes frames of a clip are spared
  friend bool operator==(const RandomErasingOptions&, const RandomErasingOptions&) = default;
};

// "const", "rand" or "pixel". Throws for other words; `where` stands before the message.
ErasingFill parse_erasing_fill(std::string_view word, std::string_view where);

// The boxes to erase from the clip that `rng` belongs to; mostly none. n of them share 2 % to 33 %
// of the picture, each 0.3 to 1 / 0.3 times as high as wide. Throws for options that make no sense.
std::vector<Box> erased_boxes(const RandomErasingOptions& options, PictureSize picture,
                              const CounterRng& rng);

// Overwrites these boxes, the same in all frames that are not spared.
void erase_randomly(const ClipView& clip, const RandomErasingOptions& options,
                    const CounterRng& rng);

class Config;

// AUG.RE_PROB, RE_MODE and RE_COUNT; none if AUG.ENABLE is off or RE_PROB is 0.
std::optional<RandomErasingOptions> random_erasing_options(const Config& config);

}  // namespace sf
