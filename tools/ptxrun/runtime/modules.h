// Kernels and variables of the program's fat binaries, compiled when first used.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "device/interface.h"
#include "runtime/device.h"
#include "runtime/status.h"

namespace ptxrun {

struct ModuleFunctions {
  KernelNameFunction* kernel_name;
  ParametersFunction* parameters;
  AttributesFunction* attributes;
  SymbolFunction* symbol;
  AddBufferFunction* add_buffer;
  ClearBuffersFunction* clear_buffers;
  LaunchFunction* launch;
};

class Module {
 public:
  explicit Module(std::string ptx) : ptx_(std::move(ptx)) {}
  // Translates and compiles at the first call. Null, with a line on stderr, if that fails.
  const ModuleFunctions* functions();

 private:
  bool load();

  std::string ptx_;
  bool tried_ = false;
  std::unique_ptr<ModuleFunctions> functions_;
};

struct Function {
  Module* module;
  std::string name;
  std::map<int, int> max_dynamic_shared = {};  // by device, as cudaFuncSetAttribute set it

  int max_dynamic_shared_of(int device) const {
    const auto found = max_dynamic_shared.find(device);
    return found == max_dynamic_shared.end() ? kSharedBytes : found->second;
  }
};
// Null if the program registered no such kernel.
Function* find_function(const void* host_function);

// A module variable's memory; null if there is none or its module does not compile.
struct Variable {
  char* data;
  uint64_t size;
};
Variable find_variable(const void* host_variable);
// Whether memory belongs to a variable that find_variable() gave out.
bool in_variable(const void* data, size_t bytes);

}  // namespace ptxrun
