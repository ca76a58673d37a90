#include "models/model.h"

namespace sf {

Registry<Model, const Config&, DType>& model_registry() {
  static Registry<Model, const Config&, DType> registry("MODEL.MODEL_NAME");
  return registry;
}

std::unique_ptr<Model> make_model(const Config& config, DType dtype) {
  const auto norm = config.get<std::string>("BN.NORM_TYPE");
  SF_CHECK(norm == "batchnorm" || norm == "sub_batchnorm" || norm == "sync_batchnorm" ||
               norm == "sync_batchnorm_apex",
           "BN.NORM_TYPE: wanted batchnorm, sub_batchnorm, sync_batchnorm or sync_batchnorm_apex, "
           "found '",
           norm, "'");
  const auto name = config.get<std::string>("MODEL.MODEL_NAME");
  auto model = model_registry().make(name, config, dtype);
  SF_CHECK(!config.get<bool>("DETECTION.ENABLE") || model->detects(),
           "DETECTION.ENABLE: wanted False, found True: MODEL.MODEL_NAME ", name,
           " has no detection head");
  return model;
}

std::vector<Value> model_inputs(Graph& graph, const Model& model, int64_t batch, ClipSize size,
                                int64_t box_room) {
  std::vector<Value> inputs;
  for (const TensorType& type : model.inputs(batch, size))
    inputs.push_back(graph.input(cat("clip", inputs.size()), type));
  if (model.detects()) inputs.push_back(graph.input("boxes", model.boxes(box_room)));
  return inputs;
}

}  // namespace sf
