// Text files of outside origin, line by line, and the fields of a line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// Printed as FILE:NUMBER, for messages.
struct TextLine {
  std::string_view text = {};  // without its end
  const std::filesystem::path& file;
  int64_t number = 0;  // from 1
};
std::ostream& operator<<(std::ostream& out, const TextLine& line);

// Takes what is wrong with a line, in one line.
using Report = std::function<void(const std::string&)>;

// Calls f with every line of the file that is not empty. A byte-order mark and carriage returns are
// left out. Throws sf::Error if the file cannot be read, or with file and line for a zero byte.
// `wanted` says what the file should be: "a list of videos". With a report, it takes what is wrong
// with single lines, f's errors too, and the others are read; without, these are thrown.
void for_each_line(const std::filesystem::path& file, std::string_view wanted,
                   const std::function<void(const TextLine&)>& f, const Report& report = {});

// The parts between the separators, which may be empty. The separator is not.
std::vector<std::string_view> split_fields(std::string_view text, std::string_view separator);
// The parts between blanks and tabs, none of them empty.
std::vector<std::string_view> split_words(std::string_view text);
// Without blanks and tabs at both ends.
std::string_view trimmed(std::string_view text);

// Empty if the text is anything but a number; numbers that are not finite are none.
std::optional<int64_t> whole_number(std::string_view text);
std::optional<double> real_number(std::string_view text);

}  // namespace sf
