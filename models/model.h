// A network: parameters under their published names, and the graph they compute.
#pragma once

#include <memory>
#include <vector>

#include "configs/config.h"
#include "layers/module.h"
#include "models/registry.h"

namespace sf {

// Of the pictures of clips. A crop is square.
struct ClipSize {
  ClipSize(int64_t crop) : height(crop), width(crop) {}  // NOLINT(google-explicit-constructor)
  ClipSize(int64_t h, int64_t w) : height(h), width(w) {}
  int64_t height, width;
  friend bool operator==(const ClipSize&, const ClipSize&) = default;
};

class Model : public Module {
 public:
  using Module::Module;

  // Types of the clips of one batch, a pathway each (slow first): N T H W C.
  virtual std::vector<TensorType> inputs(int64_t batch, ClipSize size) const = 0;
  // Whether it classifies boxes in the clips instead of the clips.
  virtual bool detects() const { return false; }
  // Boxes of one batch, with room for so many: K 5, the index of the clip, x1, y1, x2, y2 in its
  // pixels. Rows of clip -1 fill the room up.
  TensorType boxes(int64_t room) const { return {{room, 5}, dtype()}; }

  // The scores, N x classes, in evaluation mode; K x classes of boxes, which come behind the clips.
  // Marks "logits" and, for tools and tests, the activations after each stage as
  // "act.STAGE.PATHWAY" ("act.s2_fuse.0").
  virtual Value forward(const std::vector<Value>& clips) const = 0;
};

// What forward() takes as inputs of a graph: "clip0", "clip1" and, of a network that detects,
// "boxes" with room for so many.
std::vector<Value> model_inputs(Graph& graph, const Model& model, int64_t batch, ClipSize size,
                                int64_t box_room);

// Networks by MODEL.MODEL_NAME.
Registry<Model, const Config&, DType>& model_registry();

// The network that a configuration describes, parameters zero. Throws with one line that names what
// is missing.
std::unique_ptr<Model> make_model(const Config& config, DType dtype = DType::f32);

}  // namespace sf
