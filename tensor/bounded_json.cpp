#include "tensor/bounded_json.h"

#include <set>
#include <string>
#include <vector>

#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {

nlohmann::json parse_bounded_json(std::string_view text, std::string_view what) {
  using Event = nlohmann::json::parse_event_t;
  constexpr int kDeepest = 16;
  std::vector<std::set<std::string>> keys;  // of every open object
  const auto check = [&](int depth, Event event, nlohmann::json& value) {
    SF_CHECK(depth <= kDeepest, what, ": JSON is nested deeper than ", kDeepest);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      SF_CHECK(keys.back().insert(key).second, what, ": JSON has '", printable(key), "' twice");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(cat(what, ": not JSON at byte ", error.byte));
  } catch (const nlohmann::json::exception&) {  // a number outside the range of double
    throw Error(cat(what, ": JSON with a value out of range"));
  }
}

std::string json_text(const nlohmann::json& value, std::string_view what) {
  try {
    return value.dump();
  } catch (const nlohmann::json::exception&) { throw Error(cat(what, ": text that is not UTF-8")); }
}

}  // namespace sf
