// Graphs on the executor of CUDA kernels give what they give on the CPU.
#include "tensor/device.h"

#include "autograd/gradients.h"
#include "autograd/ops/pointwise.h"
#include "autograd/plan/plan.h"
#include "tests/autograd/network.h"
#include "tests/error_of.h"

namespace sf {
namespace {

TEST(Device, NamesAreReadBack) {
  EXPECT_EQ(Device::parse("cpu").name(), "cpu");
  EXPECT_EQ(Device::parse("simt").name(), "simt");
  EXPECT_EQ(error_of([] { Device::parse("gpu"); }),
            "device: wanted auto, cpu, simt, cuda or cuda:N, found 'gpu'");
}

// A plan of a device needs its kernels alone.
TEST(Device, ToPlanForNeedNotBeThere) {
  EXPECT_EQ(Device::parse_to_plan("cpu").name(), "cpu");
  EXPECT_EQ(error_of([] { Device::parse_to_plan("gpu"); }),
            "device: wanted auto, cpu, simt, cuda or cuda:N, found 'gpu'");
#if defined(SF_WITH_CUDA)
  EXPECT_EQ(Device::parse_to_plan("cuda:7").name(), "cuda:7");
#else
  EXPECT_EQ(error_of([] { Device::parse_to_plan("cuda"); }),
            "device: wanted kernels of cuda, found a build without CUDA");
#endif
  EXPECT_THROW(Device::parse("cuda:4711"), Error);
}

// relu, sum and product are one rounding each on every device.
TEST(Device, APlanOnTheExecutorEqualsThatOnTheCpu) {
  Graph graph;
  const Value x = graph.input("x", kSmallClip), w = graph.input("w", kSmallClip);
  const Value y = relu(add(multiply(x, w), x));
  std::vector<float> found[2];
  for (const char* device : {"cpu", "simt"}) {
    Plan plan(graph, std::vector{y}, {.device = Device::parse(device)});
    for (Value v : {x, w}) plan.feed(v, random_tensor(graph.info(v.id()).name, kSmallClip, -1, 1));
    plan.run();
    found[device[0] == 's'] = values(plan.fetch(y));
  }
  EXPECT_EQ(found[0], found[1]);
}

TEST(Device, AnOpWithoutAKernelIsNamedWithItsTypes) {
  Graph graph;
  const Value x =
      graph.input("x", {kSmallClip.shape, DType::f64});  // for references, on the CPU alone
  const Graph::Scope scope(graph, "s2");
  const Value y = relu(x);
  EXPECT_EQ(error_of([&] { Plan(graph, std::vector{y}, {.device = Device::parse("simt")}); }),
            "s2: relu: no kernel of device simt can run it on f64[2 3 5 5 12]");
}

}  // namespace
}  // namespace sf
