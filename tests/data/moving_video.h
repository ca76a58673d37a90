// Small videos with motion.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/video_writer.h"
#include "kernels/base/counter_rng.h"

namespace sf {

// 52 x 36: a noisy gradient that moves, so that encoders find work for frames between others.
// Returns the path.
inline std::string write_moving_video(const std::filesystem::path& path, int frames,
                                      VideoWriterOptions options, int speed = 2) {
  options.width = 52;
  options.height = 36;
  VideoWriter writer(path, options);
  const CounterRng rng("texture");
  std::vector<uint8_t> rgb(52 * 36 * 3);
  for (int frame = 0; frame < frames; ++frame) {
    for (int i = 0; i < 52 * 36 * 3; ++i) {
      const int x = i / 3 % 52 + speed * frame, y = i / 156;
      rgb[size_t(i)] =
          uint8_t(2 * x + y + i % 3 * 40 + int(rng.bits(uint64_t(x) * 40 + uint64_t(y)) % 32));
    }
    writer.write({rgb.data(), 52 * 3, 52, 36});
  }
  writer.finish();
  return path.string();
}

}  // namespace sf
