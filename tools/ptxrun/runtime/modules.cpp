#include "runtime/modules.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include <dlfcn.h>
#include <unistd.h>

#include "runtime/device.h"

namespace ptxrun {
namespace {

struct RegisteredVariable {
  Module* module;
  std::string name;
  Variable memory{};  // once asked for
};

struct Registry {
  std::map<const void*, Function> functions;
  std::map<const void*, RegisteredVariable> variables;
  int compute_capability = 0;
};
Registry& registry() {  // fat binaries register before main
  static auto* all = new Registry;
  return *all;
}

// The program's own arguments never reach this shell: both paths are ptxrun's.
std::string build_command(const std::string& ptx_file) {
  const char* python = getenv("PTXRUN_PYTHON");
  return std::string("PYTHONPATH='") + PTXRUN_HOME + "' '" + (python ? python : PTXRUN_PYTHON) +
         "' -B -m ptxrun '" + ptx_file + "'";
}

// What the environment does not say: a cache beside this library, the compiler it was built with.
void complete_environment() {
  Dl_info info;
  dladdr(reinterpret_cast<void*>(complete_environment), &info);
  const auto beside = std::filesystem::absolute(info.dli_fname).parent_path() / "cache";
  setenv("PTXRUN_CACHE", beside.c_str(), 0);
  setenv("PTXRUN_CXX", PTXRUN_COMPILER, 0);
}

std::string first_line_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  char line[4096] = "";
  if (pipe && !fgets(line, sizeof line, pipe)) line[0] = '\0';
  if (pipe) pclose(pipe);
  line[strcspn(line, "\n")] = '\0';
  return line;
}

// The path of the compiled library, or empty.
std::string build(const std::string& ptx) {
  complete_environment();
  std::string name = (std::filesystem::temp_directory_path() / "ptxrun-XXXXXX").string();
  const int file = mkstemp(name.data());
  if (file < 0) return {};
  const bool written = write(file, ptx.data(), ptx.size()) == (ssize_t)ptx.size();
  close(file);
  std::string library = written ? first_line_of(build_command(name)) : "";
  std::filesystem::remove(name);
  return library;
}

template <class F>
void find_symbol(void* library, const char* name, F*& function) {
  function = reinterpret_cast<F*>(dlsym(library, name));
}

}  // namespace

bool Module::load() {
  if (ptx_.empty()) {
    fprintf(stderr,
            "ptxrun: the program holds no uncompressed PTX; build it with nvcc -arch=compute_XX "
            "--no-compress\n");
    return false;
  }
  const std::string path = build(ptx_);
  if (path.empty()) return false;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "ptxrun: %s\n", dlerror());
    return false;
  }
  ModuleFunctions f{};
  find_symbol(library, "ptxrun_kernel_name", f.kernel_name);
  find_symbol(library, "ptxrun_parameters", f.parameters);
  find_symbol(library, "ptxrun_attributes", f.attributes);
  find_symbol(library, "ptxrun_symbol", f.symbol);
  find_symbol(library, "ptxrun_add_buffer", f.add_buffer);
  find_symbol(library, "ptxrun_clear_buffers", f.clear_buffers);
  find_symbol(library, "ptxrun_launch", f.launch);
  functions_ = std::make_unique<ModuleFunctions>(f);
  return true;
}

const ModuleFunctions* Module::functions() {
  if (!tried_) {
    tried_ = true;
    load();
  }
  return functions_.get();
}

Function* find_function(const void* host_function) {
  auto& functions = registry().functions;
  if (const auto found = functions.find(host_function); found != functions.end())
    return &found->second;
  // A cudaKernel_t is the function itself.
  for (auto& [_, function] : functions)
    if (&function == host_function) return &function;
  return nullptr;
}

Variable find_variable(const void* host_variable) {
  const auto found = registry().variables.find(host_variable);
  if (found == registry().variables.end()) return {};
  auto& [module, name, memory] = found->second;
  const ModuleFunctions* functions = module->functions();
  if (functions && !memory.data)
    memory.data = static_cast<char*>(functions->symbol(name.c_str(), &memory.size));
  return memory;
}

bool in_variable(const void* data, size_t bytes) {
  return std::ranges::any_of(registry().variables, [&](const auto& entry) {
    const Variable& v = entry.second.memory;
    return data >= v.data && static_cast<const char*>(data) + bytes <= v.data + v.size;
  });
}

int compute_capability() { return std::max(registry().compute_capability, 80); }

namespace {

// A fat binary: a header, then entries of their own headers and contents.
template <class T>
T field(const char* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

constexpr uint32_t kFatBinaryMagic = 0xBA55ED50;
constexpr uint16_t kPtxEntry = 1;
constexpr size_t kEntryHeader = 64;

struct Target {
  int capability = 0;
  bool architecture_specific = false;  // sm_90a
  auto operator<=>(const Target&) const = default;
};

Target target_of(const std::string& ptx) {
  constexpr char kDirective[] = ".target sm_";
  const size_t at = ptx.find(kDirective);
  if (at == std::string::npos) return {};
  size_t digits = 0;
  const std::string number = ptx.substr(at + strlen(kDirective), 8);
  const int capability = std::stoi(number, &digits);
  return {capability, number[digits] == 'a'};
}

// The PTX for the newest architecture; empty if there is none that is not compressed.
std::string newest_ptx(const char* data) {
  if (!data || field<uint32_t>(data) != kFatBinaryMagic) return {};
  const char* entry = data + field<uint16_t>(data + 6);
  const char* end = entry + field<uint64_t>(data + 8);
  std::string newest;
  Target best;
  while (entry + kEntryHeader <= end) {
    const auto header = field<uint32_t>(entry + 4);
    const auto size = field<uint64_t>(entry + 8);
    if (field<uint16_t>(entry) == kPtxEntry) {
      std::string ptx(entry + header, size);
      ptx.resize(std::min(ptx.size(), ptx.find('\0')));
      if (const Target target = target_of(ptx); target > best) {
        best = target;
        newest = std::move(ptx);
      }
    }
    entry += header + size;
  }
  registry().compute_capability = std::max(registry().compute_capability, best.capability);
  return newest;
}

}  // namespace
}  // namespace ptxrun

using namespace ptxrun;

// What nvcc's host code calls before main.
extern "C" {

void** __cudaRegisterFatBinary(void* wrapper) {
  const Lock lock(runtime_mutex());
  constexpr size_t kDataOffset = 8;  // behind a magic number and a version
  auto* module = new Module(newest_ptx(field<const char*>((char*)wrapper + kDataOffset)));
  return reinterpret_cast<void**>(module);
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 0; }

void __cudaRegisterFunction(void** module, const char* host, char*, const char* name, int, uint3*,
                            uint3*, dim3*, dim3*, int*) {
  const Lock lock(runtime_mutex());
  registry().functions[host] = {reinterpret_cast<Module*>(module), name};
}

void __cudaRegisterVar(void** module, char* host, char*, const char* name, int, size_t, int, int) {
  const Lock lock(runtime_mutex());
  registry().variables[host] = {reinterpret_cast<Module*>(module), name};
}

}  // extern "C"
