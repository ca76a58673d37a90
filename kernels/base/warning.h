// What a person should know of and the work goes on with.
#pragma once

#include <functional>
#include <string>

namespace sf {

using WarningListener = std::function<void(const std::string&)>;

// Gives one line to the listener. Any thread.
void warn(const std::string& text);
// Replaces the listener, at first one that prints to stderr, and returns the one before.
WarningListener listen_to_warnings(WarningListener listener);

}  // namespace sf
