#include "models/model.h"

namespace sf {

Registry<Model, const Config&, DType>& model_registry() {
  static Registry<Model, const Config&, DType> registry("MODEL.MODEL_NAME");
  return registry;
}

std::unique_ptr<Model> make_model(const Config& config, DType dtype) {
  SF_CHECK(!config.get<bool>("DETECTION.ENABLE"),
           "DETECTION.ENABLE: wanted False, found True: the detection head is not built in");
  const auto norm = config.get<std::string>("BN.NORM_TYPE");
  SF_CHECK(norm == "batchnorm" || norm == "sub_batchnorm" || norm == "sync_batchnorm" ||
               norm == "sync_batchnorm_apex",
           "BN.NORM_TYPE: wanted batchnorm, sub_batchnorm, sync_batchnorm or sync_batchnorm_apex, "
           "found '",
           norm, "'");
  return model_registry().make(config.get<std::string>("MODEL.MODEL_NAME"), config, dtype);
}

}  // namespace sf
