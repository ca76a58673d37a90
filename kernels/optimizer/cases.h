// Steps of optimisers for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {

// Sizes of several arrays, more than one chunk of a block among them, and as many as a launch
// takes.
inline ArraySizes many_sizes() {
  ArraySizes sizes;
  sizes.count = kMostArrays;
  for (int i = 0; i < sizes.count; ++i) sizes.n[size_t(i)] = 1 + i * 37 % 100;
  sizes.n[7] = 9001;
  return sizes;
}

inline std::vector<Case<SgdProblem>> sgd_cases() {
  const SgdRule momentum{.momentum = 0.9, .weight_decay = 0.01};
  return {
      {"plain", {.sizes = {37}}},
      {"decayed", {.sizes = {100, 1, 29}, .rule = {.weight_decay = 0.01}}},
      {"momentum", {.sizes = {50001}, .rule = momentum}},
      {"dampened",
       {.sizes = {29, 4096}, .rule = {.momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01}}},
      {"many", {.sizes = many_sizes(), .rule = momentum}},
      {"nesterov",
       {.sizes = {131, 5000, 3},
        .rule = {.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}}}};
}

inline std::vector<Case<AdamProblem>> adam_cases() {
  const AdamRule adamw{.weight_decay = 0.05, .decoupled = true};
  return {
      {"one_value", {}},
      {"adam", {.sizes = {131, 5000, 3}, .rule = {.weight_decay = 0.01}}},
      {"other_constants", {.sizes = {29}, .rule = {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}}},
      {"many", {.sizes = many_sizes(), .rule = adamw}},
      {"adamw", {.sizes = {50001}, .rule = adamw}}};
}

}  // namespace sf
