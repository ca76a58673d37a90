// Steps of optimisers on parameters as flat arrays: up to kMostArrays at once, but for LARS.
// Formulas and their order are PyTorch 1.13's.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/arrays.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// What differs from step to step: one value each, read in the run.
struct StepArgs {
  const double* learning_rate = nullptr;
  const int64_t* step = nullptr;   // 1 in the first
  const double* factor = nullptr;  // of the gradient; null: 1
};

struct SgdRule {
  double momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
};

struct SgdProblem {
  DType dtype = DType::f32;
  ArraySizes sizes{1};  // of the parameters
  SgdRule rule = {};
};

// For each parameter d = g factor + weight_decay p; buffer = d in the first step, later momentum
// buffer + (1 - dampening) d; p -= learning_rate (d + momentum buffer with nesterov, else buffer).
// Without momentum p -= learning_rate d.
struct SgdArgs {
  StepArgs step;
  ArrayList<const void> g{};
  ArrayList<void> p{};
  ArrayList<void> buffer{};  // null without momentum; not read in the first step
};

struct AdamRule {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = false;  // AdamW
};

struct AdamProblem {
  DType dtype = DType::f32;
  ArraySizes sizes{1};
  AdamRule rule = {};
};

// d = g factor + weight_decay p; decoupled: d = g factor, after p -= learning_rate weight_decay p.
// mean = beta1 mean + (1 - beta1) d; square = beta2 square + (1 - beta2) d^2;
// p -= learning_rate / (1 - beta1^step) mean / (sqrt(square) / sqrt(1 - beta2^step) + epsilon).
struct AdamArgs {
  StepArgs step;
  ArrayList<const void> g{};
  ArrayList<void> p{};
  ArrayList<void> mean{};  // both are 0 before the first step
  ArrayList<void> square{};
};

struct LarsProblem {
  DType dtype = DType::f32;
  int64_t n = 1;
  double trust = 0.001, epsilon = 1e-8, weight_decay = 0;
};

// y = (g + weight_decay p) trust |p| / (|g| + weight_decay |p| + epsilon), or g if a norm is 0:
// what an optimiser without weight decay takes as the gradient. y may be g.
struct LarsArgs {
  const void* p = nullptr;
  const void* g = nullptr;
  const double* p_squares = nullptr;  // sums of squares, one value each
  const double* g_squares = nullptr;
  void* y = nullptr;
};

using SgdKernel = Kernel<SgdProblem, SgdArgs>;
using AdamKernel = Kernel<AdamProblem, AdamArgs>;
using LarsKernel = Kernel<LarsProblem, LarsArgs>;

// Best first, the reference (f32, f64) last. All agree bit for bit.
std::span<const SgdKernel> sgd_kernels(Backend backend);
std::span<const AdamKernel> adam_kernels(Backend backend);
std::span<const LarsKernel> lars_kernels(Backend backend);

}  // namespace sf
