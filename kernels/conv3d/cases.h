// Convolution problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

// The problem with dense pitches.
inline Conv3dProblem dense(Conv3dProblem p) {
  p.x_pitch = p.c;
  p.y_pitch = p.residual_pitch = p.k;
  return p;
}

// Small and odd sizes: every kind of layer of SlowFast, C2D, I3D, X3D and MViT, and what the
// kernels could get wrong (remainders, windows in the padding, groups, pitches, epilogues).
inline std::vector<Case<Conv3dProblem>> conv3d_cases() {
  constexpr auto kRelu = Activation::relu;
  using P = Conv3dProblem;
  const std::vector<Case<P>> dense_cases{
      {"one_value", {}},
      {"pointwise_odd", {.t = 3, .h = 5, .w = 7, .c = 5, .k = 11}},
      {"slow_stem",
       {.n = 2,
        .t = 2,
        .h = 19,
        .w = 17,
        .c = 3,
        .k = 24,
        .kh = 7,
        .kw = 7,
        .stride = {1, 2, 2},
        .pad = {0, 3, 3},
        .bias = true,
        .activation = kRelu}},
      {"fast_stem",
       {.t = 6,
        .h = 13,
        .w = 16,
        .c = 3,
        .k = 8,
        .kt = 5,
        .kh = 7,
        .kw = 7,
        .stride = {1, 2, 2},
        .pad = {2, 3, 3},
        .bias = true,
        .activation = kRelu}},
      {"lateral",
       {.t = 16,
        .h = 5,
        .w = 6,
        .c = 8,
        .k = 16,
        .kt = 7,
        .stride = {4, 1, 1},
        .pad = {3, 0, 0},
        .bias = true,
        .activation = kRelu}},
      {"spatial",
       {.n = 2,
        .t = 3,
        .h = 9,
        .w = 10,
        .c = 16,
        .k = 32,
        .kh = 3,
        .kw = 3,
        .pad = {0, 1, 1},
        .bias = true,
        .activation = kRelu}},
      {"spatial_stride_2",
       {.t = 2,
        .h = 11,
        .w = 8,
        .c = 8,
        .k = 8,
        .kh = 3,
        .kw = 3,
        .stride = {1, 2, 2},
        .pad = {0, 1, 1}}},
      {"spatial_dilated",
       {.t = 2,
        .h = 9,
        .w = 9,
        .c = 16,
        .k = 16,
        .kh = 3,
        .kw = 3,
        .pad = {0, 2, 2},
        .dilation = {1, 2, 2},
        .bias = true}},
      {"temporal",
       {.t = 7,
        .h = 4,
        .w = 5,
        .c = 32,
        .k = 8,
        .kt = 3,
        .pad = {1, 0, 0},
        .bias = true,
        .activation = kRelu}},
      {"temporal_single_frame",
       {.t = 1, .h = 3, .w = 3, .c = 4, .k = 6, .kt = 3, .pad = {1, 0, 0}}},
      {"shortcut_stride_2",
       {.t = 2, .h = 9, .w = 7, .c = 32, .k = 48, .stride = {1, 2, 2}, .bias = true}},
      {"pointwise_stride_2_1_3",
       {.n = 2, .t = 5, .h = 4, .w = 7, .c = 16, .k = 24, .stride = {2, 1, 3}}},
      {"expand_residual_relu",
       {.t = 3,
        .h = 4,
        .w = 5,
        .c = 16,
        .k = 64,
        .bias = true,
        .residual = true,
        .activation = kRelu}},
      {"residual_only", {.t = 2, .h = 3, .w = 4, .c = 12, .k = 20, .residual = true}},
      {"bias_residual", {.n = 3, .h = 3, .w = 4, .c = 8, .k = 8, .bias = true, .residual = true}},
      {"cube",
       {.t = 5,
        .h = 6,
        .w = 7,
        .c = 6,
        .k = 10,
        .kt = 3,
        .kh = 3,
        .kw = 3,
        .pad = {1, 1, 1},
        .bias = true}},
      {"cube_stride_dilation",
       {.t = 9,
        .h = 10,
        .w = 11,
        .c = 5,
        .k = 7,
        .kt = 3,
        .kh = 2,
        .kw = 3,
        .stride = {2, 1, 3},
        .pad = {2, 0, 1},
        .dilation = {2, 3, 1}}},
      {"i3d_stem",
       {.t = 8,
        .h = 14,
        .w = 14,
        .c = 3,
        .k = 16,
        .kt = 5,
        .kh = 7,
        .kw = 7,
        .stride = {2, 2, 2},
        .pad = {2, 3, 3},
        .bias = true,
        .activation = kRelu}},
      {"nonlocal_embed", {.t = 2, .h = 7, .w = 7, .c = 32, .k = 16, .bias = true}},
      {"patch_embed",
       {.t = 4,
        .h = 16,
        .w = 16,
        .c = 3,
        .k = 24,
        .kt = 3,
        .kh = 7,
        .kw = 7,
        .stride = {2, 4, 4},
        .pad = {1, 3, 3},
        .bias = true}},
      {"depthwise_cube",
       {.t = 4,
        .h = 6,
        .w = 5,
        .c = 24,
        .k = 24,
        .kt = 3,
        .kh = 3,
        .kw = 3,
        .pad = {1, 1, 1},
        .groups = 24,
        .bias = true,
        .activation = kRelu}},
      {"depthwise_time",
       {.t = 6, .h = 3, .w = 3, .c = 24, .k = 24, .kt = 5, .pad = {2, 0, 0}, .groups = 24}},
      {"groups_of_4",
       {.t = 2,
        .h = 6,
        .w = 6,
        .c = 12,
        .k = 18,
        .kh = 3,
        .kw = 3,
        .pad = {0, 1, 1},
        .groups = 3,
        .bias = true}},
      {"groups_of_16",
       {.t = 2,
        .h = 6,
        .w = 6,
        .c = 32,
        .k = 32,
        .kh = 3,
        .kw = 3,
        .pad = {0, 1, 1},
        .groups = 2,
        .bias = true,
        .residual = true,
        .activation = kRelu}},
      {"window_larger_than_input",
       {.t = 2,
        .h = 2,
        .w = 2,
        .c = 4,
        .k = 4,
        .kt = 3,
        .kh = 5,
        .kw = 5,
        .pad = {1, 2, 2},
        .bias = true}},
      {"tiles_and_a_bit",
       {.h = 11, .w = 13, .c = 40, .k = 136, .bias = true, .residual = true, .activation = kRelu}},
  };
  std::vector<Case<P>> cases;
  for (const auto& [name, problem] : dense_cases) cases.push_back({name, dense(problem)});
  for (const auto& [name, problem] : dense_cases) {
    if (problem.k % 8 != 0) continue;  // the same paths again
    P p = dense(problem);
    p.x_pitch += 3, p.y_pitch += 5, p.residual_pitch += 7;
    cases.push_back({name + "_pitched", p});
    if (problem.c % 8 != 0 || !problem.residual) continue;
    p = dense(problem);  // what vectors of channels may have between them
    p.x_pitch += 8, p.y_pitch += 16, p.residual_pitch += 24;
    cases.push_back({name + "_in_slices", p});
  }
  return cases;
}

// A layer of SLOWFAST_8x8_R50 on a clip of 32 frames of 256 x 256, batch norm folded: maps are
// square.
struct SlowFastLayer {
  int c, k, t, size, kt, kernel, stride_t, stride, pad_t, pad;
  bool residual, relu;
};

// Its 52 distinct convolutions.
inline constexpr SlowFastLayer kSlowFastLayers[] = {
    {3, 64, 8, 256, 1, 7, 1, 2, 0, 3, 0, 1},    {3, 8, 32, 256, 5, 7, 1, 2, 2, 3, 0, 1},
    {8, 16, 32, 64, 7, 1, 4, 1, 3, 0, 0, 1},    {80, 64, 8, 64, 1, 1, 1, 1, 0, 0, 0, 1},
    {64, 64, 8, 64, 1, 3, 1, 1, 0, 1, 0, 1},    {64, 256, 8, 64, 1, 1, 1, 1, 0, 0, 1, 1},
    {80, 256, 8, 64, 1, 1, 1, 1, 0, 0, 0, 0},   {256, 64, 8, 64, 1, 1, 1, 1, 0, 0, 0, 1},
    {8, 8, 32, 64, 3, 1, 1, 1, 1, 0, 0, 1},     {8, 8, 32, 64, 1, 3, 1, 1, 0, 1, 0, 1},
    {8, 32, 32, 64, 1, 1, 1, 1, 0, 0, 1, 1},    {8, 32, 32, 64, 1, 1, 1, 1, 0, 0, 0, 0},
    {32, 8, 32, 64, 3, 1, 1, 1, 1, 0, 0, 1},    {32, 64, 32, 64, 7, 1, 4, 1, 3, 0, 0, 1},
    {320, 128, 8, 64, 1, 1, 1, 1, 0, 0, 0, 1},  {128, 128, 8, 64, 1, 3, 1, 2, 0, 1, 0, 1},
    {128, 512, 8, 32, 1, 1, 1, 1, 0, 0, 1, 1},  {320, 512, 8, 64, 1, 1, 1, 2, 0, 0, 0, 0},
    {512, 128, 8, 32, 1, 1, 1, 1, 0, 0, 0, 1},  {128, 128, 8, 32, 1, 3, 1, 1, 0, 1, 0, 1},
    {32, 16, 32, 64, 3, 1, 1, 1, 1, 0, 0, 1},   {16, 16, 32, 64, 1, 3, 1, 2, 0, 1, 0, 1},
    {16, 64, 32, 32, 1, 1, 1, 1, 0, 0, 1, 1},   {32, 64, 32, 64, 1, 1, 1, 2, 0, 0, 0, 0},
    {64, 16, 32, 32, 3, 1, 1, 1, 1, 0, 0, 1},   {16, 16, 32, 32, 1, 3, 1, 1, 0, 1, 0, 1},
    {64, 128, 32, 32, 7, 1, 4, 1, 3, 0, 0, 1},  {640, 256, 8, 32, 3, 1, 1, 1, 1, 0, 0, 1},
    {256, 256, 8, 32, 1, 3, 1, 2, 0, 1, 0, 1},  {256, 1024, 8, 16, 1, 1, 1, 1, 0, 0, 1, 1},
    {640, 1024, 8, 32, 1, 1, 1, 2, 0, 0, 0, 0}, {1024, 256, 8, 16, 3, 1, 1, 1, 1, 0, 0, 1},
    {256, 256, 8, 16, 1, 3, 1, 1, 0, 1, 0, 1},  {64, 32, 32, 32, 3, 1, 1, 1, 1, 0, 0, 1},
    {32, 32, 32, 32, 1, 3, 1, 2, 0, 1, 0, 1},   {32, 128, 32, 16, 1, 1, 1, 1, 0, 0, 1, 1},
    {64, 128, 32, 32, 1, 1, 1, 2, 0, 0, 0, 0},  {128, 32, 32, 16, 3, 1, 1, 1, 1, 0, 0, 1},
    {32, 32, 32, 16, 1, 3, 1, 1, 0, 1, 0, 1},   {128, 256, 32, 16, 7, 1, 4, 1, 3, 0, 0, 1},
    {1280, 512, 8, 16, 3, 1, 1, 1, 1, 0, 0, 1}, {512, 512, 8, 16, 1, 3, 1, 2, 0, 1, 0, 1},
    {512, 2048, 8, 8, 1, 1, 1, 1, 0, 0, 1, 1},  {1280, 2048, 8, 16, 1, 1, 1, 2, 0, 0, 0, 0},
    {2048, 512, 8, 8, 3, 1, 1, 1, 1, 0, 0, 1},  {512, 512, 8, 8, 1, 3, 1, 1, 0, 1, 0, 1},
    {128, 64, 32, 16, 3, 1, 1, 1, 1, 0, 0, 1},  {64, 64, 32, 16, 1, 3, 1, 2, 0, 1, 0, 1},
    {64, 256, 32, 8, 1, 1, 1, 1, 0, 0, 1, 1},   {128, 256, 32, 16, 1, 1, 1, 2, 0, 0, 0, 0},
    {256, 64, 32, 8, 3, 1, 1, 1, 1, 0, 0, 1},   {64, 64, 32, 8, 1, 3, 1, 1, 0, 1, 0, 1},
};

// Those layers for n clips whose frames are size x size, a multiple of 32.
inline std::vector<Case<Conv3dProblem>> slowfast_conv3d_cases(int n = 1, int size = 256) {
  std::vector<Case<Conv3dProblem>> cases;
  for (const SlowFastLayer& l : kSlowFastLayers) {
    const int map = l.size * size / 256;
    const Conv3dProblem p{.n = n,
                          .t = l.t,
                          .h = map,
                          .w = map,
                          .c = l.c,
                          .k = l.k,
                          .kt = l.kt,
                          .kh = l.kernel,
                          .kw = l.kernel,
                          .stride = {l.stride_t, l.stride, l.stride},
                          .pad = {l.pad_t, l.pad, l.pad},
                          .bias = true,
                          .residual = l.residual,
                          .activation = l.relu ? Activation::relu : Activation::none};
    cases.push_back({cat("slowfast_", l.c, "to", l.k, "_", l.kt, "x", l.kernel, "x", l.kernel, "_s",
                         l.stride_t, l.stride, "_t", l.t, "_map", map),
                     dense(p)});
  }
  return cases;
}

}  // namespace sf
