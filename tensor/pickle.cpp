#include "tensor/pickle.h"

#include <algorithm>
#include <array>

#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

constexpr std::array<std::string_view, 15> kKindNames{
    "None",  "bool", "int",  "large int", "float",  "text", "bytes",        "bytes",
    "tuple", "list", "dict", "set",       "global", "call", "persistent id"};

// numpy.core became numpy._core in version 2.
bool same_callee(std::string_view found, std::string_view wanted) {
  constexpr std::string_view kRenamed = "numpy._core";
  constexpr std::string_view kCore = "numpy.core";
  if (found.starts_with(kRenamed) && wanted.starts_with(kCore))
    return found.substr(kRenamed.size()) == wanted.substr(kCore.size());
  return found == wanted;
}

}  // namespace

std::string_view name_of(PickleKind kind) { return kKindNames[size_t(kind)]; }

PickleKind PickleValue::kind() const { return pickle_->nodes_[index_].kind; }

int64_t PickleValue::integer() const {
  SF_CHECK(is(PickleKind::integer) || is(PickleKind::boolean), "wanted an int, found ",
           name_of(kind()));
  return pickle_->nodes_[index_].integer;
}

double PickleValue::real() const {
  return is(PickleKind::real) ? pickle_->nodes_[index_].real : double(integer());
}

std::string_view PickleValue::string() const {
  SF_CHECK(is(PickleKind::text) || is(PickleKind::bytes), "wanted text, found ", name_of(kind()));
  return text();
}

std::string PickleValue::name() const {
  if (is(PickleKind::encoded_bytes)) return std::string(text());
  const std::string_view raw = string();
  if (is(PickleKind::text)) return std::string(raw);
  std::string out;
  for (const char c : raw) {
    const auto byte = uint8_t(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += char(0xC0 | byte >> 6);
      out += char(0x80 | (byte & 0x3F));
    }
  }
  return out;
}

std::string_view PickleValue::text() const { return pickle_->nodes_[index_].text; }

size_t PickleValue::size() const { return pickle_->nodes_[index_].items.size(); }

PickleValue PickleValue::item(size_t i) const {
  const auto& items = pickle_->nodes_[index_].items;
  SF_CHECK(i < items.size(), "wanted item ", i, " of a ", name_of(kind()), ", found ",
           items.size());
  return {*pickle_, items[i]};
}

std::optional<PickleValue> PickleValue::find(std::string_view key) const {
  SF_CHECK(is(PickleKind::dict), "wanted a dict, found ", name_of(kind()));
  for (size_t i = pairs(); i-- > 0;) {
    const auto [name, value] = pair(i);
    if ((name.is(PickleKind::text) || name.is(PickleKind::bytes)) && name.text() == key)
      return value;
  }
  return std::nullopt;
}

bool PickleValue::is_call(std::string_view callee, size_t arguments) const {
  return is(PickleKind::call) && same_callee(item(0).text(), callee) && item(1).size() >= arguments;
}

std::optional<PickleValue> PickleValue::state() const {
  if (!is(PickleKind::call) || size() < 3) return std::nullopt;
  return item(2);
}

std::vector<PickleValue> Pickle::persistent_values() const {
  std::vector<PickleValue> out;
  for (uint32_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].kind == PickleKind::persistent) out.push_back({*this, i});
  return out;
}

}  // namespace sf
