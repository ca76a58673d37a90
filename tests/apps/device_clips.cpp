// Training, validation and tests with clips that a device's kernels make end in the bits of those
// with the CPU's clips.
#include "data/cuda_decoder.h"
#include "kernels/base/cuda/runtime.h"
#include "tests/apps/training.h"

namespace sf {
namespace {

class ClipsOfDevices : public TrainingCommand {
 protected:
  std::string predictions(const std::string& output) const {
    return read_text(folder / output / "test_predictions.json");
  }

  void expect_equal_runs(const std::string& device, const std::string& before) {
    make_set(20);
    for (const char* decoder : {"cpu", "cuda"}) {
      const Outcome o =
          sf(arguments(decoder,
                       cat("SF.DEVICE ", device, " SF.DECODER ", decoder,
                           " TEST.ENABLE True TEST.NUM_ENSEMBLE_VIEWS 2 TEST.NUM_SPATIAL_CROPS 3"
                           " TEST.BATCH_SIZE 4 BN.USE_PRECISE_STATS True BN.NUM_BATCHES_PRECISE 2"
                           " TRAIN.EVAL_PERIOD 1 SOLVER.MAX_EPOCH 1")),
             before);
      ASSERT_EQ(o.status, 0) << o.err;
    }
    expect_equal_checkpoints(checkpoint("cpu", "checkpoint_epoch_00001.sf"),
                             checkpoint("cuda", "checkpoint_epoch_00001.sf"));
    EXPECT_EQ(predictions("cuda"), predictions("cpu"));
  }
};

// On x86 with vectors: elsewhere colours are rounded otherwise.
#if defined(__x86_64__)
using ClipsOfDevicesSlow = ClipsOfDevices;
using CudaClipsOfDevices = ClipsOfDevices;

TEST_F(ClipsOfDevicesSlow, EndInTheBitsOfTheCpus) { expect_equal_runs("simt", kOnCpu); }

TEST_F(CudaClipsOfDevices, EndInTheBitsOfTheCpus) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  if (const std::string fault = cuda_decoder_fault(); !fault.empty()) GTEST_SKIP() << fault;
  expect_equal_runs("cuda", "");
}
#endif

TEST_F(ClipsOfDevices, ADecoderThatIsNotThereIsNamed) {
  make_set(20);
  const Outcome o = sf(arguments("out", "SF.DEVICE cpu SF.DECODER cuda"));
  EXPECT_EQ(o.status, 1);
  EXPECT_NE(o.err.find("SF.DECODER: wanted cpu where the network runs on the CPU (SF.DEVICE), "
                       "found cuda"),
            std::string::npos)
      << o.err;
}

}  // namespace
}  // namespace sf
