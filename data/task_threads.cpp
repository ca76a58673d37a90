#include "data/task_threads.h"

#include <algorithm>
#include <utility>

#include <sys/resource.h>

#include "kernels/base/error.h"
#include "kernels/base/processors.h"

namespace sf {

int bounded_workers(int workers) { return std::clamp(workers, 0, processor_count()); }

void TaskThreads::start(int workers) {
  for (int i = bounded_workers(workers); i > 0; --i) threads_.emplace_back([this] { work(); });
}

TaskThreads::~TaskThreads() {
  stop_.request_stop();
  {
    std::lock_guard lock(mutex_);  // no thread is between its test of the stop and its wait
  }
  changed_.notify_all();
  threads_.clear();
}

void TaskThreads::work() {
  const OnAllProcessors anywhere;
  // A kernel of the network ends with the last of its threads: one that stands behind these on its
  // processor keeps the others waiting. On Linux priorities are those of a thread.
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 10);
  Lock lock(mutex_);
  while (!stop_.stop_requested()) {
    if (!run_next(lock)) changed_.wait(lock);
  }
}

bool TaskThreads::run_next(Lock& lock) {
  if (failure_) return false;
  try {
    const Task task = pick_();
    if (!task) return false;
    task(lock);
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    failure_ = std::current_exception();
  }
  changed_.notify_all();
  return true;
}

void TaskThreads::wait_or_work(Lock& lock) {
  if (threads_.empty()) {
    SF_CHECK(run_next(lock), "loader: nothing to do and nothing to give");
  } else {
    changed_.wait(lock);
  }
}

}  // namespace sf
