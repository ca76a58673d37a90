// The threads of a loader.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace sf {

// As many threads as are asked for, but no more than the process has processors.
int bounded_workers(int workers);

// Threads that carry out a loader's tasks. The loader's state is guarded by one mutex, under which
// the threads ask for a task; a task takes the locked mutex, and releases it while it works.
// Without threads, the caller of take() does the work. Threads have a lower priority than their
// maker.
class TaskThreads {
 public:
  using Lock = std::unique_lock<std::mutex>;
  using Task = std::function<void(Lock&)>;

  // `pick`, called under the mutex, returns a task that can run now, marked as begun; empty if
  // there is none. No thread runs before start().
  explicit TaskThreads(std::function<Task()> pick) : pick_(std::move(pick)) {}
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;
  // Waits for the running tasks, which should heed stop_token().
  ~TaskThreads();

  // Call once; with bounded_workers(workers) threads.
  void start(int workers);

  std::stop_token stop_token() const { return stop_.get_token(); }
  Lock lock() const { return Lock(mutex_); }

  // Waits until poll(), called under the mutex, returns an optional with a value, which it returns.
  // Rethrows what a task has thrown.
  template <class Poll>
  auto take(const Poll& poll) {
    Lock lock(mutex_);
    while (true) {
      if (failure_) std::rethrow_exception(failure_);
      if (auto result = poll()) {
        changed_.notify_all();
        return std::move(*result);
      }
      wait_or_work(lock);
    }
  }

  // Changes the state under the mutex, and lets the threads look for tasks.
  template <class Change>
  void change(const Change& change) {
    Lock lock(mutex_);
    change();
    changed_.notify_all();
  }

 private:
  void work();
  // False if there is no task.
  bool run_next(Lock& lock);
  void wait_or_work(Lock& lock);

  std::function<Task()> pick_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr failure_;
  std::stop_source stop_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace sf
