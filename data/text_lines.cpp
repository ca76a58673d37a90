#include "data/text_lines.h"

#include <charconv>
#include <cmath>
#include <fstream>
#include <ostream>
#include <string>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr std::string_view kBlanks = " \t\v\f\r";

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const TextLine& line) {
  return out << line.file.string() << ':' << line.number;
}

void for_each_line(const std::filesystem::path& file, std::string_view wanted,
                   const std::function<void(const TextLine&)>& f, const Report& report) {
  const std::string name = file.string();
  std::error_code ignored;
  SF_CHECK(std::filesystem::is_regular_file(file, ignored), name, ": wanted ", wanted, ", found ",
           std::filesystem::exists(file, ignored) ? "no regular file" : "no such file");
  std::ifstream in(file, std::ios::binary);
  SF_CHECK(in.good(), name, ": cannot be read");
  std::string text;
  for (TextLine line{.file = file, .number = 1}; std::getline(in, text); ++line.number) {
    if (line.number == 1 && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    if (text.ends_with('\r')) text.pop_back();
    if (text.empty()) continue;
    line.text = text;
    try {
      SF_CHECK(text.find('\0') == text.npos, line,
               ": wanted text, found a zero byte (UTF-16 is not read)");
      f(line);
    } catch (const Error& error) {
      if (!report) throw;
      report(error.what());
    }
  }
  SF_CHECK(in.eof(), name, ": cannot be read to the end");
}

std::vector<std::string_view> split_fields(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t at = text.find(separator);
    fields.push_back(text.substr(0, at));
    if (at == text.npos) return fields;
    text.remove_prefix(at + separator.size());
  }
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t at = 0; (at = text.find_first_not_of(kBlanks, at)) != text.npos;) {
    const size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<int64_t> whole_number(std::string_view text) { return number<int64_t>(text); }

std::optional<double> real_number(std::string_view text) {
  const auto value = number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace sf
