#include "dist/thread_group.h"

#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dist/rank_sum.h"
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
  std::string text() const { return values.data ? text_of(operation, values) : operation; }
};

std::byte* at(const Call& call, int64_t element) {
  return static_cast<std::byte*>(call.values.data) + size_t(element) * size_of(call.values.dtype);
}

void copy(const Call& from, const Call& to, int64_t first, int64_t count) {
  if (&from != &to && count > 0)
    std::memcpy(at(to, first), at(from, first), size_t(count) * size_of(from.values.dtype));
}

// The sums of `count` elements from `first` on, for rank `owner`.
void add_up(const std::vector<Call>& calls, int64_t first, int64_t count, size_t owner) {
  std::vector<const void*> by_rank;
  for (const Call& call : calls) by_rank.push_back(at(call, first));
  add_in_pairs(by_rank, at(calls[owner], first), count, calls[0].values.dtype);
}

void broadcast(const std::vector<Call>& calls, int root) {
  for (const Call& to : calls) copy(calls[size_t(root)], to, 0, to.values.count);
}

void all_reduce(const std::vector<Call>& calls) {
  add_up(calls, 0, calls[0].values.count, 0);
  broadcast(calls, 0);
}

void reduce_scatter(const std::vector<Call>& calls) {
  const int64_t part = calls[0].values.count / int64_t(calls.size());
  for (size_t rank = 0; rank < calls.size(); ++rank)
    add_up(calls, int64_t(rank) * part, part, rank);
}

void all_gather(const std::vector<Call>& calls, std::span<const int64_t> counts) {
  int64_t first = 0;
  for (size_t from = 0; from < calls.size(); first += counts[from++])
    for (const Call& to : calls) copy(calls[from], to, first, counts[from]);
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
  void reduce_scatter(Elements values) override {
    check_summable(values.dtype);
    check_divides(values.count, size(), "parts of reduce_scatter");
    meeting_->meet(rank_, {"reduce_scatter", values}, sf::reduce_scatter);
  }
  void all_gather(Elements values, std::span<const int64_t> counts) override {
    check_parts(values.count, counts, size());
    meeting_->meet(rank_, {"all_gather", values},
                   [&](const auto& calls) { sf::all_gather(calls, counts); });
  }
  void broadcast(Elements values, int root) override {
    check_root(root, size());
    meeting_->meet(rank_, {"broadcast", values, root},
                   [&](const auto& calls) { sf::broadcast(calls, root); });
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
