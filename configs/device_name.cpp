#include "configs/device_name.h"

namespace sf {

std::string device_name(const Config& config) {
  auto name = config.get<std::string>("SF.DEVICE");
  const bool cpu_alone =
      config.get<int64_t>("NUM_GPUS") == 0 || config.get<std::string>("SF.DTYPE") == "f64";
  return name == "auto" && cpu_alone ? "cpu" : name;
}

}  // namespace sf
