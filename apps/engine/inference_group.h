// A network on several devices that share each batch out among them.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "apps/engine/inference.h"
#include "apps/engine/training_ranks.h"
#include "configs/config.h"

namespace sf {

// Those of a test by the configuration, without a device; ranks: that share each batch out.
InferenceOptions inference_options(const Config& config, const TrainingRanks& ranks = {});

// With one device it is an Inference. One thread at a time.
class InferenceGroup {
 public:
  // The model of that configuration works on the first device and must outlive the object; others
  // get copies of it. options.device is not used; max_batch is that of all devices together, the
  // memory limit that of each. Chunks of clips go to the devices in turn, what is left over goes to
  // all of them, one by one.
  InferenceGroup(const Model& model, const Config& config, ClipSize size,
                 std::span<const Device> devices, const InferenceOptions& options);

  // As Inference has them.
  void start(const std::vector<std::vector<Tensor>>& clips);
  // Scores and logits of all clips, in order.
  Inference::Result finish();
  size_t ahead() const { return networks_[0]->ahead(); }
  // As Inference has it, of the first device. The copies on others stay as they were.
  void release_weights() { networks_[0]->release_weights(); }

  int64_t chunk() const { return networks_[0]->chunk(); }  // of a device, as the next two
  const Plan& plan() const { return networks_[0]->plan(); }
  size_t arena_bytes() const { return networks_[0]->arena_bytes(); }

 private:
  void forget_started();

  std::vector<std::unique_ptr<Model>> copies_;
  std::vector<std::unique_ptr<Inference>> networks_;
  std::deque<std::vector<size_t>> started_;  // of each start: the devices of its parts, in order
};

}  // namespace sf
