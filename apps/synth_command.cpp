#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "apps/engine/progress.h"
#include "data/synth.h"

namespace sf {

void add_synth_command(CLI::App& app) {
  struct Arguments {
    std::string out;
    int videos = 80;
    uint64_t seed = 0;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("synth", "make a data set of real video files told apart by motion alone");
  command->add_option("--out", arguments->out, "folder of the data set")->required();
  command->add_option("--videos", arguments->videos, "how many videos")->check(CLI::PositiveNumber);
  command->add_option("--seed", arguments->seed, "another seed, other videos");
  command->callback([arguments] {
    ProgressBar progress("Writing", "videos", arguments->videos);
    synthesize({.dir = arguments->out,
                .videos = arguments->videos,
                .seed = arguments->seed,
                .progress = [&](int64_t) { progress.advance(1); }});
    progress.clear();
    std::printf("%d videos and their lists are in %s\n", arguments->videos, arguments->out.c_str());
  });
}

}  // namespace sf
