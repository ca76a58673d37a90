// Batch normalisation problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/training.h"

namespace sf {

inline std::vector<Case<BatchNormProblem>> batch_norm_cases() {
  return {
      {"one_value", {}},
      {"dense", {.pixels = 300, .c = 64, .x_pitch = 64, .y_pitch = 64}},
      {"few_channels", {.pixels = 4100, .c = 8, .x_pitch = 8, .y_pitch = 8}},
      {"odd_pitched", {.pixels = 37, .c = 45, .epsilon = 1e-3, .x_pitch = 47, .y_pitch = 60}},
      {"three_channels", {.pixels = 9, .c = 3, .x_pitch = 4, .y_pitch = 3}},
      {"slabs_of_channels", {.pixels = 70, .c = 264, .x_pitch = 272, .y_pitch = 264}},
  };
}

inline std::vector<Case<BatchNormTrainingProblem>> batch_norm_training_cases() {
  using P = BatchNormTrainingProblem;
  const std::vector<Case<P>> dense_cases{
      {"two_values", {.samples = 2}},
      {"stem", {.samples = 2, .sample_pixels = 450, .c = 64, .activation = Activation::relu}},
      {"few_channels", {.samples = 2, .sample_pixels = 2050, .c = 8}},
      {"several_blocks",
       {.samples = 2, .sample_pixels = 4500, .c = 24, .activation = Activation::relu}},
      {"residual",
       {.samples = 3,
        .sample_pixels = 50,
        .c = 256,
        .residual = true,
        .activation = Activation::relu}},
      {"residual_alone", {.samples = 3, .sample_pixels = 7, .c = 20, .residual = true}},
      {"many_channels", {.samples = 2, .sample_pixels = 9, .c = 600, .epsilon = 1e-3}},
      {"splits",
       {.samples = 6,
        .sample_pixels = 33,
        .c = 45,
        .splits = 3,
        .momentum = 0.25,
        .activation = Activation::relu}},
      {"whole_vectors",
       {.samples = 4,
        .sample_pixels = 70,
        .c = 40,
        .splits = 2,
        .residual = true,
        .activation = Activation::relu}},
      {"splits_of_one_sample",
       {.samples = 2, .sample_pixels = 5, .c = 3, .splits = 2, .bessel = false, .residual = true}},
      {"a_third_of_the_gradients", {.samples = 2, .sample_pixels = 50, .c = 33, .share = 1.0 / 3}},
  };
  std::vector<Case<P>> cases;
  for (const int gap : {0, 3, 8})
    for (const auto& [name, problem] : dense_cases) {
      if (gap == 8 && name != "whole_vectors") continue;
      P p = problem;
      p.x_pitch = p.c + gap;
      p.y_pitch = p.c + 2 * gap;
      p.residual_pitch = p.c + 3 * gap;
      p.dy_pitch = p.c + 4 * gap;
      p.dx_pitch = p.c + 5 * gap;
      cases.push_back({gap ? cat(name, "_pitched_by_", gap) : name, p});
    }
  return cases;
}

inline std::vector<Case<FoldProblem>> fold_cases() {
  return {
      {"one_value", {}},
      {"spatial", {.k = 24, .per_output = 9 * 16}},
      {"odd", {.k = 5, .per_output = 7, .epsilon = 1e-3}},
  };
}

}  // namespace sf
