// The one exception of the engine and the check that throws it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace sf {

// Misuse or bad input: says what was wanted, what was found and where, in one line.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The arguments printed one after the other.
template <class... Args>
std::string cat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

}  // namespace sf

// Throws sf::Error with the printed arguments if the condition does not hold.
#define SF_CHECK(condition, ...)                                 \
  do {                                                           \
    if (!(condition)) throw ::sf::Error(::sf::cat(__VA_ARGS__)); \
  } while (0)
