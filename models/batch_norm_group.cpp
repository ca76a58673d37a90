#include "models/batch_norm_group.h"

#include <string>

#include "kernels/base/error.h"

namespace sf {

bool is_synchronised_batch_norm(const Config& config) {
  return config.get<std::string>("BN.NORM_TYPE").starts_with("sync_batchnorm");
}

std::shared_ptr<ProcessGroup> batch_norm_group(const Config& config,
                                               const std::shared_ptr<ProcessGroup>& world) {
  if (!is_synchronised_batch_norm(config)) return nullptr;
  const auto devices = config.get<int>("BN.NUM_SYNC_DEVICES");
  SF_CHECK(devices > 0, "BN.NUM_SYNC_DEVICES: wanted at least 1, found ", devices);
  if (world->size() == 1 || config.get<bool>("BN.GLOBAL_SYNC")) return world;
  SF_CHECK(world->size() % devices == 0, "BN.NUM_SYNC_DEVICES: wanted a divisor of ", world->size(),
           " ranks, found ", devices);
  return world->consecutive(devices);
}

}  // namespace sf
