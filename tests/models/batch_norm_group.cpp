#include "models/batch_norm_group.h"

#include <gtest/gtest.h>

#include "dist/single_process.h"
#include "dist/thread_group.h"
#include "tests/configs/config_of.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

// The size of the group on each of four ranks; 0 without one.
std::vector<int> sizes(const std::string& yaml) {
  const Config config = config_of(yaml);
  std::vector<int> found(4);
  run_thread_group(4, [&](const std::shared_ptr<ProcessGroup>& world) {
    const auto group = batch_norm_group(config, world);
    found[size_t(world->rank())] = group ? group->size() : 0;
    world->barrier();
  });
  return found;
}

TEST(BatchNormGroup, IsWhatTheKeysSay) {
  const HangGuard guard;
  const auto all = [](int size) { return std::vector(4, size); };
  EXPECT_EQ(sizes("BN: {NUM_SYNC_DEVICES: 2}"), all(0));
  EXPECT_EQ(sizes("BN: {NORM_TYPE: sync_batchnorm}"), all(1));
  EXPECT_EQ(sizes("BN: {NORM_TYPE: sync_batchnorm, NUM_SYNC_DEVICES: 2}"), all(2));
  EXPECT_EQ(sizes("BN: {NORM_TYPE: sync_batchnorm_apex, NUM_SYNC_DEVICES: 4}"), all(4));
  EXPECT_EQ(sizes("BN: {NORM_TYPE: sync_batchnorm, GLOBAL_SYNC: True}"), all(4));
  EXPECT_EQ(error_of([] { sizes("BN: {NORM_TYPE: sync_batchnorm, NUM_SYNC_DEVICES: 3}"); }),
            "BN.NUM_SYNC_DEVICES: wanted a divisor of 4 ranks, found 3");
}

TEST(BatchNormGroup, OfAProcessAloneIsOne) {
  const auto world = std::make_shared<SingleProcess>();
  const auto group =
      batch_norm_group(config_of("BN: {NORM_TYPE: sync_batchnorm, NUM_SYNC_DEVICES: 8}"), world);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->size(), 1);
  EXPECT_EQ(error_of([&] {
              batch_norm_group(config_of("BN: {NORM_TYPE: sync_batchnorm, NUM_SYNC_DEVICES: 0}"),
                               world);
            }),
            "BN.NUM_SYNC_DEVICES: wanted at least 1, found 0");
}

}  // namespace
}  // namespace sf
