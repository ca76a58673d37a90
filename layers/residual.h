// Residual blocks and stages of ResNet (He et al. 2015) with temporal kernels, as SlowFast uses
// them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "layers/conv.h"
#include "layers/nonlocal.h"

namespace sf {

struct ResidualOptions {
  std::string transform = "bottleneck_transform";  // or "basic_transform"
  int in = 0, out = 0, inner = 0;
  int temporal_kernel = 1;
  int stride = 1, dilation = 1;  // spatial
  int groups = 1;
  bool stride_1x1 = false;  // the bottleneck's stride on its first convolution
  bool zero_final_bn = false, zero_final_conv = false;
  double drop_connect = 0;  // share of samples that a block passes by in training
};

// What a block adds to its input; ends in a batch norm.
class ResidualBranch : public Module {
 public:
  using Module::Module;
  virtual Value operator()(Value x) const = 0;
};

// relu(shortcut(x) + branch2(x)); the shortcut is a strided 1x1x1 convolution where shapes differ.
class ResidualBlock : public Module {
 public:
  ResidualBlock(Module& parent, std::string_view name, const ResidualOptions& options);
  Value operator()(Value x) const;

 private:
  std::unique_ptr<Conv3d> branch1_;
  std::unique_ptr<BatchNorm> branch1_bn_;
  std::unique_ptr<ResidualBranch> branch2_;
  double drop_connect_ = 0;
};

// The blocks of one stage on one pathway, with non-local blocks behind some of them.
class ResidualStage {
 public:
  struct Options {
    ResidualOptions block{};              // in: of the first block; its temporal kernel is not used
    std::vector<int> temporal_kernels{};  // one a block
    std::vector<int> nonlocal_blocks{};   // indices of blocks followed by a non-local block
    NonLocal::Options nonlocal{};         // channels are filled in
  };
  // Children of `stage`: pathway{p}_res{i}, pathway{p}_nonlocal{i}.
  ResidualStage(Module& stage, int pathway, const Options& options);
  Value operator()(Value x) const;

 private:
  std::vector<std::unique_ptr<ResidualBlock>> blocks_;
  std::vector<std::unique_ptr<NonLocal>> nonlocal_;  // by block; null where there is none
};

}  // namespace sf
