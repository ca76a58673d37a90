#include "configs/without_effect.h"

#include <array>

#include "kernels/base/error.h"

namespace sf {
namespace {

bool is(const Config& c, std::string_view key, std::string_view value) {
  return c.get<std::string>(key) == value;
}

bool splits_no_batch(const Config& c) { return !is(c, "BN.NORM_TYPE", "sub_batchnorm"); }
bool has_no_long_cycle(const Config& c) { return !c.get<bool>("MULTIGRID.LONG_CYCLE"); }
bool has_no_labels(const Config& c) {
  return c.get<bool>("MIXUP.ENABLE") || !is(c, "MODEL.LOSS_FUNC", "cross_entropy");
}

constexpr std::string_view kOld = "accepted for old files",
                           kContent = "the content of a file tells its kind",
                           kColours = "this change of a clip's colours is not built in",
                           kMasks = "masked networks are not built in",
                           kPictures = "sets of pictures are not built in",
                           kWholeLists = "lists are read as a whole",
                           kCamera = "cameras are not read",
                           kDetector = "no detector of persons is built in",
                           kThreads = "the demo takes the threads that it can use",
                           kLabels = "only cross_entropy of labels, without MIXUP, takes it";

constexpr auto kKeys = std::to_array<KeyWithoutEffect>({
    {"DATA.DECODING_SHORT_SIZE", kOld},
    {"DATA.IN22K_TRAINVAL", kOld},
    {"RESNET.INPLACE_RELU", kOld},
    {"SOLVER.STEP_SIZE", kOld},
    {"SOLVER.WARMUP_FACTOR", kOld},
    {"AUG.RE_SPLIT", kOld},
    {"DIST_BACKEND", "NCCL takes what lies on GPUs, Gloo the rest"},
    {"TRAIN.CHECKPOINT_TYPE", kContent},
    {"TEST.CHECKPOINT_TYPE", kContent},
    {"TRAIN.CHECKPOINT_IN_INIT", "weights are loaded behind the initialisation"},
    {"MODEL.ACT_CHECKPOINT", "cheap steps always run again for the backward pass, others never"},
    {"BN.NUM_SPLITS", "only BN.NORM_TYPE sub_batchnorm takes it", splits_no_batch},
    {"SOLVER.GAMMA", "only MULTIGRID.LONG_CYCLE takes it", has_no_long_cycle},
    {"SF.LABEL_SMOOTHING", kLabels, has_no_labels},
    {"SF.CLASS_WEIGHTS", kLabels, has_no_labels},
    {"AUG.COLOR_JITTER", kPictures},
    {"DATA.PATH_TO_PRELOAD_IMDB", kPictures},
    {"DATA.IN22k_VAL_IN1K", kPictures},
    {"DATA.IN_VAL_CROP_RATIO", kPictures},
    {"AUG.GEN_MASK_LOADER", kMasks},
    {"AUG.MASK_TUBE", kMasks},
    {"AUG.MASK_FRAMES", kMasks},
    {"AUG.MASK_WINDOW_SIZE", kMasks},
    {"AUG.MASK_RATIO", kMasks},
    {"AUG.MAX_MASK_PATCHES_PER_BLOCK", kMasks},
    {"DATA.COLOR_RND_GRAYSCALE", kColours},
    {"DATA.SSL_COLOR_JITTER", kColours},
    {"DATA.SSL_COLOR_BRI_CON_SAT", kColours},
    {"DATA.SSL_COLOR_HUE", kColours},
    {"DATA.SSL_MOCOV2_AUG", kColours},
    {"DATA.SSL_BLUR_SIGMA_MIN", kColours},
    {"DATA.SSL_BLUR_SIGMA_MAX", kColours},
    {"DATA.TIME_DIFF_PROB", "differences of frames are not built in"},
    {"DATA.MULTI_LABEL", "every clip has one label"},
    {"DATA.DECODING_BACKEND", "videos are read as torchvision reads them"},
    {"DATA.LOADER_CHUNK_SIZE", kWholeLists},
    {"DATA.LOADER_CHUNK_OVERALL_SIZE", kWholeLists},
    {"DATA.SKIP_ROWS", kWholeLists},
    {"DATA.DUMMY_LOAD", "every clip is loaded"},
    {"DATA_LOADER.PIN_MEMORY", "nothing is copied to a GPU"},
    {"DATA_LOADER.ENABLE_MULTI_THREAD_DECODE", "each worker decodes with one thread"},
    {"TENSORBOARD.ENABLE", "TensorBoard files are not built in"},
    {"DEMO.DISPLAY_WIDTH", kCamera},
    {"DEMO.DISPLAY_HEIGHT", kCamera},
    {"DEMO.DETECTRON2_CFG", kDetector},
    {"DEMO.DETECTRON2_WEIGHTS", kDetector},
    {"DEMO.DETECTRON2_THRESH", kDetector},
    {"DEMO.INPUT_FORMAT", "a video tells the order of its colours"},
    {"DEMO.CLIP_VIS_SIZE", "labels are drawn on every frame"},
    {"DEMO.NUM_VIS_INSTANCES", kThreads},
    {"DEMO.THREAD_ENABLE", kThreads},
    {"DEMO.NUM_CLIPS_SKIP", "every clip is looked at"},
    {"DEMO.GT_BOXES", "annotated boxes are not drawn"},
    {"DEMO.FPS", "folders of pictures are not read by the demo"},
    {"DEMO.SLOWMO", "every frame is written once"},
});

}  // namespace

std::span<const KeyWithoutEffect> keys_without_effect() { return kKeys; }

std::vector<std::string> settings_without_effect(const Config& config) {
  std::vector<std::string> lines;
  for (const auto& [key, why, applies] : kKeys)
    if (!config.is_default(key) && (!applies || applies(config)))
      lines.push_back(cat(key, ": ", config.text(key), " has no effect: ", why));
  return lines;
}

}  // namespace sf
