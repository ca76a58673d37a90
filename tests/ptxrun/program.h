// What tests of whole programs share: device buffers, orders, planted defects.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <cuda_runtime.h>
#include <gtest/gtest.h>

namespace ptxrun_test {

template <class T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  explicit DeviceBuffer(const std::vector<T>& values) : DeviceBuffer(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() const { return data_; }
  // Unset after a kernel failed.
  std::vector<T> download() const {
    std::vector<T> values(count_);
    cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

// The order of warps and blocks while it lives.
class Order {
 public:
  explicit Order(int order) { setenv("PTXRUN_ORDER", std::to_string(order).c_str(), 1); }
  ~Order() { unsetenv("PTXRUN_ORDER"); }
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;
};
constexpr int kOrders[] = {0, 1, 7};  // ascending, descending, random

// run() returns whether the result is right; it must be, without any report, in every order.
template <class F>
void expect_right(F run) {
  for (int order : kOrders) {
    const Order scope(order);
    EXPECT_TRUE(run()) << "order " << order;
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess) << "order " << order;
  }
}

constexpr char kWrongResult[] = "wrong result";

// A planted defect: in every order run() must end with a report that matches, or, for
// kWrongResult, with a wrong result. In a process of its own, since errors stay.
template <class F>
void expect_detected(F run, const std::string& report) {
  for (int order : kOrders) {
    const Order scope(order);
    EXPECT_EXIT(
        {
          const bool right = run();
          if (!right) fprintf(stderr, "%s\n", kWrongResult);
          std::exit(right && cudaDeviceSynchronize() == cudaSuccess ? 0 : 1);
        },
        testing::ExitedWithCode(1), report)
        << "order " << order;
  }
}

}  // namespace ptxrun_test
