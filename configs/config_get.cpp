// Config::get for every type it is promised for.
#include <limits>
#include <type_traits>

#include "configs/config_state.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

template <class T>
struct Element {
  static constexpr bool is_list = false;
};
template <class T>
struct Element<std::vector<T>> {
  static constexpr bool is_list = true;
  using Type = T;
};

[[noreturn]] void fail(std::string_view key, ConfigValue::Kind wanted, const ConfigValue& found) {
  throw Error(cat(key, ": wanted ", describe(wanted), ", found ", message_text(found)));
}

template <class T>
T convert(const ConfigValue& value, std::string_view key) {
  if constexpr (Element<T>::is_list) {
    const auto* list = std::get_if<ConfigList>(&value.data);
    if (!list) fail(key, ConfigValue::Kind::list, value);
    T out;
    for (const ConfigValue& element : *list)
      out.push_back(convert<typename Element<T>::Type>(element, key));
    return out;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (const auto* held = std::get_if<bool>(&value.data)) return *held;
    fail(key, ConfigValue::Kind::boolean, value);
  } else if constexpr (std::is_integral_v<T>) {
    const auto* held = std::get_if<int64_t>(&value.data);
    if (!held) fail(key, ConfigValue::Kind::integer, value);
    SF_CHECK(*held >= std::numeric_limits<T>::min() && *held <= std::numeric_limits<T>::max(), key,
             ": wanted an integer of ", 8 * sizeof(T), " bits, found ", *held);
    return T(*held);
  } else if constexpr (std::is_same_v<T, double>) {
    if (const auto* held = std::get_if<double>(&value.data)) return *held;
    if (const auto* held = std::get_if<int64_t>(&value.data)) return double(*held);
    fail(key, ConfigValue::Kind::number, value);
  } else {
    if (const auto* held = std::get_if<std::string>(&value.data)) return *held;
    fail(key, ConfigValue::Kind::text, value);
  }
}

bool is_learning_rate(std::string_view key) {
  return key == "SOLVER.BASE_LR" || key == "SOLVER.WARMUP_START_LR" ||
         key == "SOLVER.COSINE_END_LR";
}

}  // namespace

template <class T>
T Config::get(std::string_view key) const {
  T value = convert<T>(state_->values[State::place(key)], key);
  // Scaled when read, not when validated: NUM_SHARDS may still change, and a dump holds what was
  // written.
  if constexpr (std::is_same_v<T, double>)
    if (is_learning_rate(key) && get<bool>("SOLVER.BASE_LR_SCALE_NUM_SHARDS"))
      value *= get<double>("NUM_SHARDS");
  return value;
}

template <class T>
using List = std::vector<T>;

template bool Config::get(std::string_view) const;
template int Config::get(std::string_view) const;
template int64_t Config::get(std::string_view) const;
template double Config::get(std::string_view) const;
template std::string Config::get(std::string_view) const;
template List<bool> Config::get(std::string_view) const;
template List<int> Config::get(std::string_view) const;
template List<int64_t> Config::get(std::string_view) const;
template List<double> Config::get(std::string_view) const;
template List<std::string> Config::get(std::string_view) const;
template List<List<int>> Config::get(std::string_view) const;
template List<List<int64_t>> Config::get(std::string_view) const;
template List<List<double>> Config::get(std::string_view) const;
template List<List<std::string>> Config::get(std::string_view) const;
template List<List<List<int>>> Config::get(std::string_view) const;
template List<List<List<int64_t>>> Config::get(std::string_view) const;

}  // namespace sf
