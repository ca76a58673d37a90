// Pointwise problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/pointwise/backward.h"

namespace sf {

inline std::vector<Case<UnaryProblem>> unary_cases() {
  std::vector<Case<UnaryProblem>> cases;
  for (const auto& [kind, name] : {std::pair{UnaryKind::relu, "relu"},
                                   {UnaryKind::sigmoid, "sigmoid"},
                                   {UnaryKind::swish, "swish"}}) {
    cases.push_back({cat(name, "_one_value"), {.kind = kind}});
    cases.push_back({cat(name, "_dense"),
                     {.kind = kind, .pixels = 700, .c = 27, .x_pitch = 27, .y_pitch = 27}});
    cases.push_back({cat(name, "_pitched"),
                     {.kind = kind, .pixels = 33, .c = 29, .x_pitch = 31, .y_pitch = 40}});
    cases.push_back({cat(name, "_whole_vectors"),
                     {.kind = kind, .pixels = 33, .c = 40, .x_pitch = 48, .y_pitch = 56}});
  }
  return cases;
}

inline std::vector<Case<UnaryBackwardProblem>> unary_backward_cases() {
  std::vector<Case<UnaryBackwardProblem>> cases;
  for (const auto& [name, p] : unary_cases())
    cases.push_back({name,
                     {.kind = p.kind,
                      .pixels = p.pixels,
                      .c = p.c,
                      .saved_pitch = p.x_pitch,
                      .dy_pitch = 2 * p.x_pitch - p.c,
                      .dx_pitch = p.y_pitch}});
  return cases;
}

inline std::vector<Case<BinaryProblem>> binary_cases() {
  std::vector<Case<BinaryProblem>> cases;
  for (const auto& [kind, name] :
       {std::pair{BinaryKind::add, "add"}, {BinaryKind::multiply, "multiply"}}) {
    cases.push_back({cat(name, "_one_value"), {.kind = kind}});
    cases.push_back(
        {cat(name, "_dense"),
         {.kind = kind, .pixels = 700, .c = 27, .a_pitch = 27, .b_pitch = 27, .y_pitch = 27}});
    cases.push_back(
        {cat(name, "_pitched"),
         {.kind = kind, .pixels = 33, .c = 29, .a_pitch = 31, .b_pitch = 29, .y_pitch = 40}});
    cases.push_back(
        {cat(name, "_whole_vectors"),
         {.kind = kind, .pixels = 33, .c = 40, .a_pitch = 48, .b_pitch = 40, .y_pitch = 56}});
    cases.push_back({cat(name, "_squeeze_excitation"),
                     {.kind = kind,
                      .pixels = 3 * 35,
                      .c = 54,
                      .b_repeat = 35,
                      .a_pitch = 54,
                      .b_pitch = 56,
                      .y_pitch = 54}});
  }
  return cases;
}

}  // namespace sf
