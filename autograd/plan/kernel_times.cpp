#include "autograd/plan/kernel_times.h"

#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tensor/atomic_file.h"

namespace sf {
namespace {

constexpr int kFormat = 2;
constexpr uintmax_t kMostBytes = uintmax_t{64} << 20;

}  // namespace

KernelTimes::KernelTimes(std::filesystem::path file)
    : file_(std::move(file)), known_(read(file_)) {}

KernelTimes::Devices KernelTimes::read(const std::filesystem::path& file) {
  std::error_code none;
  if (!std::filesystem::is_regular_file(file, none) ||
      std::filesystem::file_size(file, none) > kMostBytes)
    return {};
  try {
    std::ifstream in(file);
    const auto json = nlohmann::json::parse(in);
    if (json.at("format").get<int>() == kFormat) return json.at("devices").get<Devices>();
  } catch (const std::exception&) {}  // not a file of this format, or not readable
  return {};
}

const KernelTimes::Times* KernelTimes::find(const std::string& device,
                                            const std::string& problem) const {
  const auto problems = known_.find(device);
  if (problems == known_.end()) return nullptr;
  const auto times = problems->second.find(problem);
  return times == problems->second.end() ? nullptr : &times->second;
}

void KernelTimes::add(const std::string& device, const std::string& problem, Times times) {
  known_[device][problem] = times;
  added_[device][problem] = std::move(times);
}

bool KernelTimes::save() {
  if (added_.empty()) return true;
  Devices all = read(file_);
  for (const auto& [device, problems] : added_)
    for (const auto& [problem, times] : problems) all[device][problem] = times;
  try {
    std::filesystem::create_directories(file_.parent_path());
    AtomicFile out(file_);
    out.write(nlohmann::json{{"format", kFormat}, {"devices", all}}.dump(1) + "\n");
    out.commit();
  } catch (const std::exception&) { return false; }
  added_.clear();
  return true;
}

std::filesystem::path kernel_times_file() {
  const auto folder = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value ? value : "");
  };
  std::filesystem::path cache = folder("XDG_CACHE_HOME");
  if (!cache.is_absolute()) cache = folder("HOME") / ".cache";
  return cache.is_absolute() ? cache / "sf" / "kernel_times.json" : std::filesystem::path();
}

}  // namespace sf
