#include "tensor/device.h"

namespace sf {

Device Device::parse(std::string_view text) {
  if (text == "auto" || text == "cpu") return {};
  if (text == "simt") return {.backend = Backend::simt};
  const bool known = text == "cuda" || text.starts_with("cuda:");
  SF_CHECK(!known, "device: this build has no '", text, "' backend, only cpu and simt");
  throw Error(cat("device: wanted auto, cpu, simt, cuda or cuda:N, found '", text, "'"));
}

std::string Device::name() const {
  switch (backend) {
    case Backend::cpu: return "cpu";
    case Backend::simt: return "simt";
    case Backend::cuda: return cat("cuda:", index);
  }
  return "?";
}

}  // namespace sf
