// A planned network allocates nothing while it runs. The sanitizers bring their own allocator, so
// this is not for them.
#include <atomic>
#include <cstdlib>

#include <gtest/gtest.h>

#include "autograd/plan/plan.h"
#include "autograd/rewrite/rewrite.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

#if defined(__SANITIZE_ADDRESS__)
#define SF_OWN_ALLOCATOR 0
#elif defined(__has_feature)
#define SF_OWN_ALLOCATOR !__has_feature(address_sanitizer)
#else
#define SF_OWN_ALLOCATOR 1
#endif

#if SF_OWN_ALLOCATOR && defined(__GLIBC__)
namespace {
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};
std::atomic<size_t> largest{0};

void note(size_t bytes) {
  if (!counting) return;
  ++allocations;
  if (bytes > largest) largest = bytes;
}
}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void* malloc(size_t bytes) {
  note(bytes);
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  note(count * bytes);
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) {
  note(bytes);
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}
}

namespace sf {
namespace {

struct Count {
  int allocations = 0;
  size_t largest = 0;
  int library_steps = 0;  // that oneDNN runs
};

// A network for clips of one size.
struct Planned {
  Planned(const Model& model, int64_t crop, std::shared_ptr<ArenaMemory> memory) {
    Graph built;
    std::vector<Value> in;
    for (const TensorType& type : model.inputs(1, crop)) in.push_back(built.input("clip", type));
    const Value out = model.forward(in);
    Rewritten r = rewrite_for_inference(built, std::vector{out.id()});
    for (Value clip : in) clips.emplace_back(r[clip], Tensor::zeros(clip.type()));
    graph = std::move(r.graph);
    plan = std::make_unique<Plan>(*graph, std::vector{r[out]}, PlanOptions{.memory = memory});
  }
  void run() {
    for (const auto& [value, clip] : clips) plan->feed(value, clip);
    plan->run();
  }

  std::unique_ptr<Graph> graph;
  std::vector<std::pair<Value, Tensor>> clips;
  std::unique_ptr<Plan> plan;
};

// Of runs in turn of plans that share their memory, behind a first run of each.
Count count_of_runs(DType dtype, std::initializer_list<int64_t> crops) {
  const SmallCase golden("slowfast_4x16");
  const auto model = make_model(golden.config, dtype);
  fill_counter_weights(*model);
  const auto memory = std::make_shared<ArenaMemory>();
  std::vector<std::unique_ptr<Planned>> all;
  for (int64_t crop : crops) all.push_back(std::make_unique<Planned>(*model, crop, memory));
  const auto run_all = [&] {
    for (const auto& planned : all) planned->run();
  };
  run_all();
  allocations = 0;
  largest = 0;
  counting = true;
  run_all();
  counting = false;
  Count count{allocations, largest, 0};
  for (const auto& planned : all)
    for (const auto& step : planned->plan->steps())
      count.library_steps += step.lowered.kernel.starts_with("onednn");
  return count;
}

// In float64 every kernel is the engine's own.
TEST(Plan, AllocatesNothingWhileItRuns) {
  EXPECT_EQ(count_of_runs(DType::f64, {64}).allocations, 0);
}
TEST(Plan, AllocatesNothingInTurnsWithAnother) {
  EXPECT_EQ(count_of_runs(DType::f64, {64, 96}).allocations, 0);
}

// oneDNN makes a table of a primitive's arguments in every execution, some nodes of a hash map;
// nothing of the size of a tensor.
TEST(Plan, LeavesOnlyArgumentTablesToOneDnn) {
  const Count count = count_of_runs(DType::f32, {64});
  EXPECT_LE(count.largest, 256u);
  EXPECT_LE(count.allocations, 10 * count.library_steps);
}

}  // namespace
}  // namespace sf
#endif
