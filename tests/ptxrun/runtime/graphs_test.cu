// Graphs recorded from streams.
#include "program.h"

namespace ptxrun_test {
namespace {

__global__ void add(int* x, int value) { *x += value; }
__global__ void append(int* x, int digit) { *x = *x * 10 + digit; }
__global__ void sum(const int* a, const int* b, int* y) { *y = *a + *b; }

// Two streams and an event for each.
class Graphs : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(cudaStreamCreate(&stream_[i]), cudaSuccess);
      ASSERT_EQ(cudaEventCreate(&event_[i]), cudaSuccess);
    }
  }
  void TearDown() override {
    for (int i = 0; i < 2; ++i) {
      cudaStreamDestroy(stream_[i]);
      cudaEventDestroy(event_[i]);
    }
    cudaGetLastError();
  }

  void begin() {
    ASSERT_EQ(cudaStreamBeginCapture(stream_[0], cudaStreamCaptureModeThreadLocal), cudaSuccess);
  }
  // One stream comes behind what the other one has done.
  cudaError_t wait(int waiting, int other) {
    const cudaError_t error = cudaEventRecord(event_[other], stream_[other]);
    return error ? error : cudaStreamWaitEvent(stream_[waiting], event_[other], 0);
  }
  cudaError_t end() {
    cudaGraph_t graph = nullptr;
    if (const cudaError_t error = cudaStreamEndCapture(stream_[0], &graph)) return error;
    if (const cudaError_t error = cudaGraphInstantiate(&executable_, graph, 0)) return error;
    return cudaGraphDestroy(graph);
  }
  void launch() { ASSERT_EQ(cudaGraphLaunch(executable_, stream_[0]), cudaSuccess); }

  cudaStream_t stream_[2];
  cudaEvent_t event_[2];
  cudaGraphExec_t executable_ = nullptr;
};

TEST_F(Graphs, AreDoneWhenLaunchedWithTheArgumentsOfTheCapture) {
  const DeviceBuffer<int> x(std::vector{100});
  int value = 5;
  begin();
  add<<<1, 1, 0, stream_[0]>>>(x.data(), value);
  value = 7;
  add<<<1, 1, 0, stream_[0]>>>(x.data(), value);
  cudaStreamCaptureStatus status;
  ASSERT_EQ(cudaStreamIsCapturing(stream_[0], &status), cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  ASSERT_EQ(end(), cudaSuccess);
  EXPECT_EQ(x.download()[0], 100);
  value = 1000;
  launch();
  EXPECT_EQ(x.download()[0], 112);
  launch();
  EXPECT_EQ(x.download()[0], 124);
  EXPECT_EQ(cudaGraphExecDestroy(executable_), cudaSuccess);
  EXPECT_EQ(cudaGraphLaunch(executable_, stream_[0]), cudaErrorInvalidResourceHandle);
}

TEST_F(Graphs, CopyAndFill) {
  const DeviceBuffer<int> x(std::vector{1, 2}), y(std::vector{3, 4});
  begin();
  ASSERT_EQ(cudaMemcpyAsync(y.data(), x.data(), 4, cudaMemcpyDeviceToDevice, stream_[0]),
            cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(x.data(), 0, 8, stream_[0]), cudaSuccess);
  ASSERT_EQ(end(), cudaSuccess);
  EXPECT_EQ(y.download(), (std::vector{3, 4}));
  launch();
  EXPECT_EQ(y.download(), (std::vector{1, 4}));
  EXPECT_EQ(x.download(), (std::vector{0, 0}));
}

TEST_F(Graphs, KeepTheOrderOfWaitsInEveryOrder) {
  const DeviceBuffer<int> a(1), b(1), y(1);
  begin();
  ASSERT_EQ(cudaMemsetAsync(a.data(), 0, 4, stream_[0]), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(b.data(), 0, 4, stream_[0]), cudaSuccess);
  ASSERT_EQ(wait(1, 0), cudaSuccess);
  for (int digit : {1, 2}) {
    append<<<1, 1, 0, stream_[0]>>>(a.data(), digit);
    append<<<1, 1, 0, stream_[1]>>>(b.data(), digit + 2);
  }
  ASSERT_EQ(wait(0, 1), cudaSuccess);
  sum<<<1, 1, 0, stream_[0]>>>(a.data(), b.data(), y.data());
  ASSERT_EQ(end(), cudaSuccess);
  expect_right([&] {
    launch();
    return y.download()[0] == 12 + 34;
  });
}

TEST_F(Graphs, ShowAWaitThatIsMissing) {
  const DeviceBuffer<int> x(1);
  begin();
  ASSERT_EQ(cudaMemsetAsync(x.data(), 0, 4, stream_[0]), cudaSuccess);
  ASSERT_EQ(wait(1, 0), cudaSuccess);
  append<<<1, 1, 0, stream_[0]>>>(x.data(), 1);
  append<<<1, 1, 0, stream_[1]>>>(x.data(), 2);  // both change x
  ASSERT_EQ(wait(0, 1), cudaSuccess);
  ASSERT_EQ(end(), cudaSuccess);
  std::vector<int> found;
  for (int order : {0, 1}) {
    const Order scope(order);
    launch();
    found.push_back(x.download()[0]);
  }
  EXPECT_EQ(found, (std::vector{12, 21}));
}

TEST_F(Graphs, RefuseWhatWaitsOrTakesMemory) {
  const DeviceBuffer<int> x(std::vector{1});
  int value = 0;
  void* data = nullptr;
  const auto refused = [&](auto call, cudaError_t wanted) {
    begin();
    EXPECT_EQ(call(), wanted);
    EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
    // Nothing is recorded any more.
    add<<<1, 1, 0, stream_[0]>>>(x.data(), 1);
    EXPECT_EQ(cudaStreamSynchronize(stream_[0]), cudaSuccess);
  };
  refused([&] { return cudaMemcpy(&value, x.data(), 4, cudaMemcpyDeviceToHost); },
          cudaErrorStreamCaptureImplicit);
  refused(
      [&] {
        add<<<1, 1>>>(x.data(), 100);
        return cudaGetLastError();
      },
      cudaErrorStreamCaptureImplicit);
  refused([&] { return cudaMalloc(&data, 4); }, cudaErrorStreamCaptureUnsupported);
  refused([&] { return cudaStreamSynchronize(stream_[0]); }, cudaErrorStreamCaptureUnsupported);
  refused([&] { return cudaDeviceSynchronize(); }, cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(x.download()[0], 6);
}

TEST_F(Graphs, RefuseWaitsAcrossTheirBounds) {
  ASSERT_EQ(cudaEventRecord(event_[1], stream_[1]), cudaSuccess);
  begin();
  EXPECT_EQ(cudaStreamWaitEvent(stream_[0], event_[1], 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);

  const DeviceBuffer<int> x(std::vector{1});
  begin();
  ASSERT_EQ(wait(1, 0), cudaSuccess);
  add<<<1, 1, 0, stream_[1]>>>(x.data(), 1);
  EXPECT_EQ(end(), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(cudaStreamWaitEvent(stream_[1], event_[0], 0), cudaErrorCapturedEvent);
  EXPECT_EQ(x.download()[0], 1);
}

}  // namespace
}  // namespace ptxrun_test
