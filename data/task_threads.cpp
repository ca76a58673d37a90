#include "data/task_threads.h"

#include <algorithm>
#include <utility>

namespace sf {

int bounded_workers(int workers) {
  return std::clamp(workers, 0, int(std::max(1u, std::thread::hardware_concurrency())));
}

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
  Lock lock(mutex_);
  while (!stop_.stop_requested()) {
    if (const Task task = failure_ ? Task() : pick_()) {
      run(task, lock);
    } else {
      changed_.wait(lock);
    }
  }
}

void TaskThreads::run(const Task& task, Lock& lock) {
  try {
    task(lock);
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    failure_ = std::current_exception();
  }
  changed_.notify_all();
}

void TaskThreads::wait_or_work(Lock& lock) {
  if (threads_.empty()) {
    run(pick_(), lock);
  } else {
    changed_.wait(lock);
  }
}

}  // namespace sf
