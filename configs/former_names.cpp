#include "configs/former_names.h"

namespace sf {

const FormerKey* find_former_key(std::string_view name) {
  static constexpr FormerKey kKeys[]{
      {"DATA.CROP_SIZE", {"DATA.TRAIN_CROP_SIZE", "DATA.TEST_CROP_SIZE"}},
      {"AVA.TRAIN_PCA_EIGVAL", {"DATA.TRAIN_PCA_EIGVAL"}},
      {"AVA.TRAIN_PCA_EIGVEC", {"DATA.TRAIN_PCA_EIGVEC"}},
      {"TENSORBOARD.MODEL_VIS.TOPK", {"TENSORBOARD.MODEL_VIS.TOPK_PREDS"}},
      {"BN.EPSILON", {}, 1e-5},
      {"BN.MOMENTUM", {}, 0.1},
  };
  for (const FormerKey& key : kKeys)
    if (key.name == name) return &key;
  return nullptr;
}

bool is_ignored_key(std::string_view name) {
  return name == "PREFETCH" || name.starts_with("PREFETCH.");
}

std::string present_arch(std::string_view arch) {
  if (arch == "slowonly") return "slow";
  if (arch == "c2d_nopool") return "slow_c2d";
  if (arch == "i3d_nopool") return "slow_i3d";
  return std::string(arch);
}

}  // namespace sf
