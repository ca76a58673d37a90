#include "configs/configuration_page.h"

#include "configs/config.h"
#include "configs/without_effect.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Made from configs/defaults.yaml by configs/configuration_page.cpp; tests/configs/configuration_page.cpp writes it. -->

A configuration is the defaults below, then a YAML file, then KEY VALUE pairs of the command line; of several values the
last counts. The keys are PySlowFast's, and its files are read unchanged; keys of this engine alone stand under `SF`.

```
sf run --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml TRAIN.ENABLE False NUM_GPUS 0
sf run --cfg FILE... --opts KEY VALUE...     # the same; each FILE is a run of its own
sf config --cfg FILE KEY VALUE...            # prints every key with its value, and runs nothing
```

## How values are read

- **Files.** `_BASE_: PATH`, or a list of paths, names files that are read first; a path is relative to its file, absolute,
  or begins with `~/`. A key stands in its section or is written in full, `RESNET.DEPTH: 50`. Given twice, its last value
  counts, with a warning. A file may have 256 KiB and 32 levels.
- **Machines.** `sf run` takes `NUM_SHARDS` and `SHARD_ID` from `--num_shards` (1) and `--shard_id` (0), whatever the file says.
- **Texts** are decoded as Python literals, in files and in pairs: `1e-4` is a number, `(3, 7, 7)` a list, `None` nothing. A
  text that looks like something else needs two pairs of quotes: `"'2024'"`. `yes`, `off`, `.inf` and `null` mean what
  YAML 1.1 has them mean.
- **Types.** A value has the type of the key's default. An integer is taken for a float. `None` is taken for every key, and
  a key of type any takes everything. Whatever else does not fit is an error with file, line and key; an unknown key is
  answered with the nearest known one.
- **Former names.** `DATA.CROP_SIZE` sets both crop sizes, `AVA.TRAIN_PCA_EIGVAL` and `AVA.TRAIN_PCA_EIGVEC` stand under
  `DATA` now, `TENSORBOARD.MODEL_VIS.TOPK` is `TOPK_PREDS`; `MODEL.ARCH` `slowonly` is `slow`, `c2d_nopool` is `slow_c2d`,
  `i3d_nopool` is `slow_i3d`, and `MODEL.MODEL_NAME` `ResNet_nopool` is `ResNet` with one of the latter two. `BN.EPSILON` and
  `BN.MOMENTUM` may be given with the only values they have, 1e-5 and 0.1. The section `PREFETCH` has no effect.
- **Checks.** Batch sizes are multiples of `NUM_GPUS` where a run is on GPUs, else of `SF.CPU_PROCESSES`;
  `RESNET.WIDTH_PER_GROUP` is one of `RESNET.NUM_GROUPS`; `SHARD_ID` is below `NUM_SHARDS`. With
  `SOLVER.BASE_LR_SCALE_NUM_SHARDS` the learning rates `BASE_LR`, `WARMUP_START_LR` and `COSINE_END_LR` are multiplied by
  `NUM_SHARDS`.
)";

// The keys by the reason why they have none.
std::string without_effect() {
  std::string text =
      "\n## Keys without effect\n\n`sf run` says so in a line each where they are not left at "
      "their defaults.\n\n";
  std::string_view why;
  for (const KeyWithoutEffect& key : keys_without_effect()) {
    text += key.why == why ? ", " : cat(why.empty() ? "" : "\n", "- ", key.why, ": ");
    text += cat("`", key.key, "`");
    why = key.why;
  }
  return text + "\n";
}

}  // namespace

std::string configuration_page() {
  std::string page = std::string(kIntroduction) + without_effect(), section = "none yet";
  for (const KeyInfo& key : Config::keys()) {
    const size_t dot = key.name.rfind('.');
    const std::string own = dot == std::string::npos ? "" : key.name.substr(0, dot);
    if (own != section) {
      section = own;
      page += cat("\n## ", section.empty() ? "Outside of sections" : section,
                  "\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
    }
    page += cat("| `", key.name.substr(dot + 1), "` | ", key.type, " | `", key.default_value,
                "` | ", key.comment, " |\n");
  }
  return page;
}

}  // namespace sf
