// Pooling problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/pool3d/pool3d.h"

namespace sf {

inline std::vector<Case<Pool3dProblem>> pool3d_cases() {
  using P = Pool3dProblem;
  const std::vector<Case<P>> dense_cases{
      {"one_value", {}},
      {"stem",
       {.n = 2,
        .t = 3,
        .h = 11,
        .w = 10,
        .c = 64,
        .window = {1, 3, 3},
        .stride = {1, 2, 2},
        .pad = {0, 1, 1}}},
      {"fast_stem",
       {.t = 2,
        .h = 8,
        .w = 9,
        .c = 8,
        .window = {1, 3, 3},
        .stride = {1, 2, 2},
        .pad = {0, 1, 1}}},
      {"odd_channels",
       {.t = 2,
        .h = 7,
        .w = 5,
        .c = 45,
        .window = {1, 3, 3},
        .stride = {1, 2, 2},
        .pad = {0, 1, 1}}},
      {"three_channels", {.t = 2, .h = 7, .w = 5, .c = 3, .window = {2, 2, 3}}},
      {"pathway_time", {.t = 7, .h = 3, .w = 4, .c = 16, .window = {2, 1, 1}, .stride = {2, 1, 1}}},
      {"head", {.n = 2, .t = 4, .h = 5, .w = 5, .c = 33, .window = {4, 5, 5}}},
      {"cube",
       {.t = 5,
        .h = 6,
        .w = 7,
        .c = 20,
        .window = {3, 3, 3},
        .stride = {1, 2, 3},
        .pad = {1, 1, 1}}},
      {"many_taps", {.t = 3, .h = 10, .w = 11, .c = 5, .window = {3, 9, 10}, .stride = {1, 2, 1}}},
      {"nonlocal", {.t = 2, .h = 6, .w = 6, .c = 24, .window = {1, 2, 2}, .stride = {1, 2, 2}}},
  };
  std::vector<Case<P>> cases;
  for (const PoolKind kind : {PoolKind::max, PoolKind::average})
    cases.push_back({cat(kind == PoolKind::max ? "max" : "average", "_whole_vectors_pitched"),
                     {.kind = kind,
                      .t = 4,
                      .h = 5,
                      .w = 5,
                      .c = 16,
                      .window = {4, 5, 4},
                      .stride = {1, 1, 2},
                      .pad = {1, 1, 1},
                      .x_pitch = 24,
                      .y_pitch = 40}});
  for (const PoolKind kind : {PoolKind::max, PoolKind::average})
    for (const bool count_include_pad : {true, false})
      for (const int gap : {0, 3})
        for (const auto& [name, problem] : dense_cases) {
          if (kind == PoolKind::max && !count_include_pad) continue;
          P p = problem;
          p.kind = kind;
          p.count_include_pad = count_include_pad;
          p.x_pitch = p.c + gap;
          p.y_pitch = p.c + 2 * gap;
          cases.push_back({cat(kind == PoolKind::max ? "max_" : "average_", name,
                               count_include_pad ? "" : "_pads_uncounted", gap ? "_pitched" : ""),
                           p});
        }
  return cases;
}

}  // namespace sf
