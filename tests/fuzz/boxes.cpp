// Files of boxes of every kind.
#include "data/box_tracks.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  attempt([&] {
    const BoxTracks tracks(
        read_box_file(file.path(), {.fps = 25, .video = "1j20qq1JyX4", .starting_second = 900}));
    const double last = tracks.boxes().back().frame;
    for (double frame : {0.0, last / 2, last, last + 1})
      for (const TrackedBox& b : tracks.at(frame)) {
        const auto [left, top, right, bottom] = b.box;
        if (!(left >= 0 && left < right && right <= 1 && top >= 0 && top < bottom && bottom <= 1))
          throw std::logic_error("a box that leaves the picture");
      }
  });
  return 0;
}
