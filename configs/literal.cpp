#include "configs/literal.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace sf {
namespace {

constexpr int kMaxDepth = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

void append_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += char(c);
  } else if (c < 0x800) {
    out += char(0xc0 | c >> 6);
    out += char(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += char(0xe0 | c >> 12);
    out += char(0x80 | (c >> 6 & 0x3f));
    out += char(0x80 | (c & 0x3f));
  } else {
    out += char(0xf0 | c >> 18);
    out += char(0x80 | (c >> 12 & 0x3f));
    out += char(0x80 | (c >> 6 & 0x3f));
    out += char(0x80 | (c & 0x3f));
  }
}

template <class T>
std::optional<T> parse_all(std::string_view digits, auto... base) {
  T value{};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base...);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// A decimal number; beyond the range of doubles it becomes infinite or zero, as in Python.
std::optional<ConfigValue> parse_number(const std::string& digits) {
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) value = std::strtod(digits.c_str(), nullptr);
  return ConfigValue{value};
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<ConfigValue> read() {
    auto value = sequence('\0', 0);
    return at_ == text_.size() ? value : std::nullopt;
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip_space() {
    while (at_ < text_.size() &&
           std::string_view(" \t\n\r\f").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  // Elements up to the closing bracket, or up to the end where there is none. Without a comma and
  // outside of square brackets this is the element alone.
  std::optional<ConfigValue> sequence(char close, int depth) {
    ConfigList list;
    bool comma = false;
    for (skip_space(); at_ < text_.size() && peek() != close; skip_space()) {
      if (!list.empty() && !comma) return std::nullopt;
      auto value = element(depth);
      if (!value) return std::nullopt;
      list.push_back(std::move(*value));
      skip_space();
      comma = peek() == ',';
      if (comma) ++at_;
    }
    if (close != '\0' && peek() != close) return std::nullopt;
    if (close != '\0') ++at_;
    if (close == '\0' && list.empty()) return std::nullopt;
    if (close != ']' && list.size() == 1 && !comma) return std::move(list[0]);
    return ConfigValue{std::move(list)};
  }

  std::optional<ConfigValue> element(int depth) {
    const char c = peek();
    if (c == '(' || c == '[') {
      if (depth == kMaxDepth) return std::nullopt;
      ++at_;
      return sequence(c == '(' ? ')' : ']', depth + 1);
    }
    if (c == '+' || c == '-') return signed_number();
    if (is_digit(c) || c == '.') return number();
    if (c == '\'' || c == '"') return strings();
    return word();
  }

  std::optional<ConfigValue> signed_number() {
    const bool negative = peek() == '-';
    ++at_;
    skip_space();
    if (!is_digit(peek()) && peek() != '.') return std::nullopt;
    auto value = number();
    if (!value || !negative) return value;
    if (auto* integer = std::get_if<int64_t>(&value->data)) *integer = -*integer;
    if (auto* real = std::get_if<double>(&value->data)) *real = -*real;
    return value;
  }

  std::optional<ConfigValue> number() {
    const size_t begin = at_;
    const bool based = peek() == '0' && is_letter(peek(1)) && peek(1) != 'e' && peek(1) != 'E';
    while (is_digit(peek()) || is_letter(peek()) || peek() == '.' ||
           (!based && (peek() == '+' || peek() == '-') && (text_[at_ - 1] | 0x20) == 'e'))
      ++at_;
    std::string digits;
    for (size_t i = begin; i < at_; ++i) {  // underscores stand between digits only
      if (text_[i] != '_') {
        digits += text_[i];
      } else if (i == begin || i + 1 == at_ || text_[i - 1] == '_' ||
                 !(is_digit(text_[i + 1]) || based) || !(is_digit(text_[i - 1]) || based)) {
        return std::nullopt;
      }
    }
    if (based) {
      const char kind = char(digits[1] | 0x20);
      const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
      if (base == 0) return std::nullopt;
      const auto value = parse_all<int64_t>(std::string_view(digits).substr(2), base);
      return value ? std::optional(ConfigValue{*value}) : std::nullopt;
    }
    if (digits.find_first_not_of("0123456789") != std::string::npos) {
      if (digits.find_first_not_of("0123456789.eE+-") != std::string::npos) return std::nullopt;
      return parse_number(digits);
    }
    const bool zeros = digits.find_first_not_of('0') == std::string::npos;
    if (digits[0] == '0' && !zeros) return std::nullopt;  // 007 is no number in Python 3
    if (const auto value = parse_all<int64_t>(digits)) return ConfigValue{*value};
    return parse_number(digits);
  }

  // One string or several side by side, which make one.
  std::optional<ConfigValue> strings() {
    std::string out;
    do {
      const bool raw = (peek() | 0x20) == 'r';
      if (peek() != '\'' && peek() != '"') ++at_;
      if (!string(out, raw)) return std::nullopt;
      skip_space();
    } while (peek() == '\'' || peek() == '"' || has_prefix());
    return ConfigValue{std::move(out)};
  }

  bool has_prefix() const {
    const char c = char(peek() | 0x20);
    return (c == 'r' || c == 'u') && (peek(1) == '\'' || peek(1) == '"');
  }

  bool string(std::string& out, bool raw) {
    const char quote = text_[at_++];
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == quote) return true;
      if (c == '\n') return false;
      if (c != '\\') {
        out += c;
      } else if (at_ == text_.size()) {
        return false;
      } else if (raw) {
        (out += c) += text_[at_++];
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool escape(std::string& out) {
    const char c = text_[at_++];
    constexpr std::string_view kNames = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";
    if (const size_t i = kNames.find(c); i != std::string_view::npos) {
      out += kMeanings[i];
      return true;
    }
    if (c == '\n') return true;
    if (c >= '0' && c <= '7') {
      --at_;
      return code_point(out, 3, 8, false);
    }
    if (c == 'x') return code_point(out, 2, 16, true);
    if (c == 'u') return code_point(out, 4, 16, true);
    if (c == 'U') return code_point(out, 8, 16, true);
    if (c == 'N') return false;
    (out += '\\') += c;
    return true;
  }

  // A character by its number of `length` digits: exactly, or at most.
  bool code_point(std::string& out, size_t length, int base, bool exactly) {
    size_t end = at_;
    while (end < text_.size() && end - at_ < length &&
           (base == 8 ? text_[end] >= '0' && text_[end] <= '7'
                      : is_digit(text_[end]) ||
                            ((text_[end] | 0x20) >= 'a' && (text_[end] | 0x20) <= 'f')))
      ++end;
    if (exactly && end - at_ != length) return false;
    const auto value = parse_all<uint32_t>(text_.substr(at_, end - at_), base);
    if (!value || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000)) return false;
    append_utf8(out, *value);
    at_ = end;
    return true;
  }

  std::optional<ConfigValue> word() {
    if (has_prefix()) return strings();
    const size_t begin = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name == "None") return ConfigValue{};
    if (name == "True" || name == "False") return ConfigValue{name == "True"};
    return std::nullopt;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<ConfigValue> parse_literal(std::string_view text) { return Reader(text).read(); }

ConfigValue decode_literal(std::string_view text) {
  if (auto value = parse_literal(text)) return std::move(*value);
  return ConfigValue{std::string(text)};
}

}  // namespace sf
