#include "dist/thread_group.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels/base/error.h"

namespace sf {
namespace {

// What all ranks of a run share, whichever groups they are cut into.
struct Run {
  std::mutex mutex;
  std::condition_variable changed;
  std::string failure;           // why no operation can go on; empty while all is well
  std::exception_ptr exception;  // of the first rank to fail

  // Under the mutex; rank: of the group that noticed.
  void fail(int rank, const std::string& reason) {
    if (failure.empty()) failure = cat("process group: rank ", rank, " failed: ", reason);
    changed.notify_all();
  }
};

struct Call {
  const char* operation = nullptr;
  Elements values{};
  int root = 0;  // or the size of the groups to cut

  bool agrees(const Call& o) const {
    return std::strcmp(operation, o.operation) == 0 && values.count == o.values.count &&
           values.dtype == o.values.dtype && root == o.root;
  }
  std::string text() const {
    return cat(operation, " (", values.count, " x ", values.dtype, ", ", root, ")");
  }
};

template <class T, class Sum>
void add_up(const std::vector<Call>& calls) {
  for (int64_t i = 0; i < calls[0].values.count; ++i) {
    Sum sum = 0;
    for (const Call& call : calls) sum += Sum(static_cast<const T*>(call.values.data)[i]);
    for (const Call& call : calls) static_cast<T*>(call.values.data)[i] = T(sum);
  }
}

void all_reduce(const std::vector<Call>& calls) {
  if (calls[0].values.dtype == DType::f32) return add_up<float, double>(calls);
  if (calls[0].values.dtype == DType::f64) return add_up<double, double>(calls);
  add_up<int64_t, int64_t>(calls);
}

std::byte* part(const Call& call, size_t index, size_t bytes) {
  return static_cast<std::byte*>(call.values.data) + index * bytes;
}

void all_gather(const std::vector<Call>& calls) {
  const Elements& values = calls[0].values;
  const size_t bytes = size_t(values.count) / calls.size() * size_of(values.dtype);
  for (size_t from = 0; from < calls.size(); ++from)
    for (size_t to = 0; to < calls.size(); ++to)
      if (to != from)
        std::memcpy(part(calls[to], from, bytes), part(calls[from], from, bytes), bytes);
}

void broadcast(const std::vector<Call>& calls) {
  const Elements& values = calls[0].values;
  const auto root = size_t(calls[0].root);
  for (size_t to = 0; to < calls.size(); ++to)
    if (to != root)
      std::memcpy(calls[to].values.data, calls[root].values.data,
                  size_t(values.count) * size_of(values.dtype));
}

// Where the ranks of one group wait for each other.
class Meeting {
 public:
  Meeting(std::shared_ptr<Run> run, int ranks) : run_(std::move(run)), calls_(size_t(ranks)) {}
  int size() const { return int(calls_.size()); }

  // The last rank to come does the work of all: act(the calls, by rank). Nobody else touches the
  // values meanwhile.
  template <class Act>
  void meet(int rank, const Call& call, const Act& act) {
    std::unique_lock lock(run_->mutex);
    check();
    calls_[size_t(rank)] = call;
    if (++arrived_ < size()) {
      const int64_t round = round_;
      run_->changed.wait(lock,
                         [&] { return round_ != round || left_ >= 0 || !run_->failure.empty(); });
      if (round_ == round) check();
      return;
    }
    for (size_t r = 1; r < calls_.size(); ++r)
      if (!calls_[r].agrees(calls_[0])) {
        run_->failure = cat("process group: rank 0 calls ", calls_[0].text(), ", rank ", r, " ",
                            calls_[r].text());
        run_->changed.notify_all();
        check();
      }
    act(calls_);
    arrived_ = 0;
    ++round_;
    run_->changed.notify_all();
  }

  // None of the run's meetings can be complete from now on.
  void fail(int rank, const std::string& reason) {
    const std::lock_guard lock(run_->mutex);
    run_->fail(rank, reason);
  }

  // No meeting can be complete from now on.
  void leave(int rank) {
    const std::lock_guard lock(run_->mutex);
    left_ = rank;
    run_->changed.notify_all();
  }

  // Of groups of `ranks` ranks: set by consecutive().
  void cut(int ranks) {
    parts_.clear();
    for (int first = 0; first < size(); first += ranks)
      parts_.push_back(std::make_shared<Meeting>(run_, ranks));
  }
  std::shared_ptr<Meeting> part(int index) const { return parts_[size_t(index)]; }

 private:
  void check() const {
    SF_CHECK(run_->failure.empty(), run_->failure);
    SF_CHECK(left_ < 0, "process group: rank ", left_, " has left");
  }

  std::shared_ptr<Run> run_;
  std::vector<Call> calls_;
  std::vector<std::shared_ptr<Meeting>> parts_;
  int arrived_ = 0, left_ = -1;
  int64_t round_ = 0;
};

class ThreadRank : public ProcessGroup {
 public:
  ThreadRank(std::shared_ptr<Meeting> meeting, int rank)
      : meeting_(std::move(meeting)), rank_(rank) {}
  ~ThreadRank() override {
    if (std::uncaught_exceptions() == 0)
      meeting_->leave(rank_);  // else the run tells of its failure
  }

  int rank() const override { return rank_; }
  int size() const override { return meeting_->size(); }

  void all_reduce(Elements values) override {
    check_summable(values.dtype);
    meeting_->meet(rank_, {"all_reduce", values}, sf::all_reduce);
  }
  void all_gather(Elements values) override {
    check_divides(values.count, size(), "parts of all_gather");
    meeting_->meet(rank_, {"all_gather", values}, sf::all_gather);
  }
  void broadcast(Elements values, int root) override {
    SF_CHECK(root >= 0 && root < size(), "broadcast: wanted a root among ", size(),
             " ranks, found ", root);
    meeting_->meet(rank_, {"broadcast", values, root}, sf::broadcast);
  }
  void barrier() override {
    meeting_->meet(rank_, {"barrier"}, [](const auto&) {});
  }
  std::shared_ptr<ProcessGroup> consecutive(int ranks) override {
    check_divides(size(), ranks, "ranks of a group");
    meeting_->meet(rank_, {"consecutive", {}, ranks}, [&](const auto&) { meeting_->cut(ranks); });
    auto mine = std::make_shared<ThreadRank>(meeting_->part(rank_ / ranks), rank_ % ranks);
    barrier();  // before anyone cuts again
    return mine;
  }
  void fail(const std::string& reason) override { meeting_->fail(rank_, reason); }

 private:
  std::shared_ptr<Meeting> meeting_;
  int rank_;
};

}  // namespace

void run_thread_group(int ranks,
                      const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work) {
  SF_CHECK(ranks > 0, "thread group: wanted at least one rank, found ", ranks);
  const auto run = std::make_shared<Run>();
  const auto meeting = std::make_shared<Meeting>(run, ranks);
  const auto be_rank = [&](int rank) {
    try {
      work(std::make_shared<ThreadRank>(meeting, rank));
    } catch (const std::exception& e) {
      const std::lock_guard lock(run->mutex);
      if (!run->exception) run->exception = std::current_exception();
      run->fail(rank, e.what());
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) threads.emplace_back(be_rank, rank);
  for (std::thread& thread : threads) thread.join();
  if (run->exception) std::rethrow_exception(run->exception);
}

}  // namespace sf
