#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "apps/commands.h"
#include "tensor/checkpoint.h"
#include "tensor/crc32c.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

void print_tensors(const char* title, const NamedTensors& tensors) {
  if (tensors.empty()) return;
  int64_t elements = 0;
  size_t width = 0;
  for (const auto& [name, tensor] : tensors) {
    elements += tensor.numel();
    width = std::max(width, printable(name).size());
  }
  fmt::print("{}: {} tensors, {} elements\n", title, tensors.size(), elements);
  for (const auto& [name, tensor] : tensors) {
    const std::span bytes(tensor.data(), size_t(tensor.type().bytes()));
    fmt::print("  {:<{}}  {:<24} crc32c {:08x}\n", printable(name), width, cat(tensor.type()),
               crc32c(bytes));
  }
}

void inspect(const std::string& path) {
  const Checkpoint checkpoint = load_checkpoint(path);
  fmt::print("{}: {}\n", path, checkpoint.format);
  if (checkpoint.epoch) fmt::print("epoch: {}\n", *checkpoint.epoch);
  print_tensors("weights (convolutions O T H W I)", checkpoint.tensors);
  print_tensors("optimizer", checkpoint.optimizer);
  for (const auto& [name, text] : checkpoint.text) fmt::print("{}:\n{}\n", name, text);
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("inspect", "what a checkpoint of any kind holds");
  command->add_option("FILE", *path, "a checkpoint; its kind is found by content")->required();
  command->callback([path] { inspect(*path); });
}

}  // namespace sf
