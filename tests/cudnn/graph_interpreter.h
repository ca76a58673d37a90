// Runs a graph of convolutions, sums and ReLU as its descriptors say, one value at a time.
#pragma once

namespace sf::test {

struct Execution;

// False where the graph is not one, or not of these.
bool interpret(const Execution& execution);

}  // namespace sf::test
