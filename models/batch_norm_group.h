// The ranks that a configuration shares the statistics of batch norm among.
#pragma once

#include <memory>

#include "configs/config.h"
#include "dist/process_group.h"

namespace sf {

// Whether BN.NORM_TYPE is sync_batchnorm or sync_batchnorm_apex.
bool is_synchronised_batch_norm(const Config& config);

// With synchronised batch norm the group whose batches each batch norm normalises as one: this
// rank's of every BN.NUM_SYNC_DEVICES consecutive ones, or all with BN.GLOBAL_SYNC. A process that
// trains alone is a group of one. Null with any other batch norm. All ranks of `world` call it
// together. Throws where the ranks cannot be divided so.
std::shared_ptr<ProcessGroup> batch_norm_group(const Config& config,
                                               const std::shared_ptr<ProcessGroup>& world);

}  // namespace sf
