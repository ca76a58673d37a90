// Lists of videos, with two separators.
#include "data/kinetics.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  for (const char* separator : {" ", ","})
    attempt([&] {
      const KineticsDataset dataset(
          {.list = file.path(), .separator = separator, .num_classes = 400});
      for (int64_t i = 0; i < dataset.size(); ++i) {
        const VideoItem& video = dataset.video(i);
        if (video.path.empty() || video.label < 0 || video.label >= 400)
          throw std::logic_error("a row without path or label");
      }
    });
  return 0;
}
