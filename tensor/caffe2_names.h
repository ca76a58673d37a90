// The names of Caffe2's model zoo as those of PySlowFast's state_dict.
#pragma once

#include <string>

namespace sf {

// Every rule of the conversion in its order, each applied to what the former ones made of the name:
// "res2_0_branch2a_w" becomes "s2.pathway0_res0.branch2.a.weight". Throws for names longer than 256
// characters.
std::string name_from_caffe2(const std::string& blob);

// Whether a blob holds state of the solver (momentum, learning rate, iteration) instead of a
// weight.
bool is_caffe2_solver_state(const std::string& blob);

}  // namespace sf
