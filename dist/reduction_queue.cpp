#include "dist/reduction_queue.h"

#include <utility>

#include "kernels/base/element.h"
#include "kernels/base/error.h"
#include "kernels/base/processors.h"

namespace sf {
namespace {

// One type's values as another's, each rounded once.
template <class From, class To>
void convert(const From* from, To* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = To(float(from[i]));
}

}  // namespace

ReductionQueue::ReductionQueue(std::shared_ptr<ProcessGroup> group, std::optional<DType> half)
    : group_(std::move(group)), size_(group_->size()), half_(half) {
  SF_CHECK(!half || is_half(*half), "reduction queue: wanted bf16 or f16 on the way, found ",
           *half);
  thread_ = std::thread([this] {
    const OnAllProcessors anywhere;
    work();
  });
}

ReductionQueue::~ReductionQueue() { end("it ended before its sums were added up"); }

void ReductionQueue::end(const std::string& reason) {
  bool given_up = false;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    given_up = done_ < started_ && !failure_;
  }
  if (given_up) group_->fail(reason);
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

int64_t ReductionQueue::start(Elements values, std::function<void()> complete) {
  SF_CHECK(values.dtype == DType::f32 || values.dtype == DType::f64,
           "reduction queue: wanted values of f32 or f64, found ", values.dtype);
  const std::lock_guard lock(mutex_);
  SF_CHECK(!ended_, "reduction queue: it has ended");
  waiting_.push_back({values, std::move(complete)});
  changed_.notify_all();
  return started_++;
}

void ReductionQueue::wait(int64_t number) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_ > number || failure_; });
  if (done_ <= number) std::rethrow_exception(failure_);
}

void ReductionQueue::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ended_ || !waiting_.empty(); });
    if (ended_) return;
    const Sum sum = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      if (sum.complete) sum.complete();
      reduce(sum.values);
    } catch (...) { failure = std::current_exception(); }
    lock.lock();
    if (failure) {
      failure_ = failure;
      changed_.notify_all();
      return;
    }
    ++done_;
    changed_.notify_all();
  }
}

void ReductionQueue::reduce(Elements values) {
  if (!half_ || values.dtype != DType::f32) return group_->all_reduce(values);
  rounded_.resize(size_t(values.count) * size_of(*half_));
  with_real(*half_, [&](auto type) {
    using Half = decltype(type);
    if constexpr (sizeof(Half) == 2) {
      auto* halves = reinterpret_cast<Half*>(rounded_.data());
      auto* full = static_cast<float*>(values.data);
      convert(full, halves, values.count);
      group_->all_reduce({halves, values.count, *half_});
      convert(halves, full, values.count);
    }
  });
}

}  // namespace sf
