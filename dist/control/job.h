// What rank 0 knows of the processes of a job, and whether the job can go on.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sf {

// A process that wants to be a rank.
struct Member {
  int rank = 0, size = 1;
  std::string host = {};
  int64_t process = 0;
  std::string build = {};          // of the engine
  std::string configuration = {};  // lines that each say all of one setting
};

// How far a rank is with the operations of one group.
struct Progress {
  int first = 0, size = 1;  // the group's ranks, as numbered in the job
  int64_t number = 0;       // of the last operation, from 1 on
  std::string operation;    // "all_reduce of 1024 f32 values"
  bool waiting = false;     // it is in it
  bool patient = false;     // and may be, however long others take to come
};
using ProgressByGroup = std::map<std::string, Progress>;

// Why a job ends; an empty line: it goes on.
struct Verdict {
  std::string line;
  bool tells_operations = true;  // false: the line's reader adds what it was doing itself

  explicit operator bool() const { return !line.empty(); }
};

// Pure book-keeping: the caller says what it hears from whom, and when.
class Job {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  // `leader` is rank 0. Ranks must come, and end their operations, within the time-out.
  Job(Member leader, std::chrono::milliseconds timeout, Time now);

  int size() const { return int(ranks_.size()); }
  bool complete() const;                         // all ranks have come
  std::vector<int> missing() const;              // those that have not
  bool over() const { return left_ == size(); }  // all ranks have left
  bool has(int rank) const { return ranks_[size_t(rank)].state != State::awaited; }

  // The rest says whether the job can go on.
  Verdict come(const Member& member, Time now);
  Verdict heard(int rank, const ProgressByGroup& progress, Time now);
  Verdict left(int rank);                                    // it is done
  Verdict gone(int rank) const;                              // its connection has ended before
  static Verdict failed(int rank, const std::string& line);  // it says so itself
  Verdict judge(Time now) const;                             // of what time has brought

 private:
  enum class State { awaited, present, left };
  struct Rank {
    State state = State::awaited;
    Member member;
    Time heard;
    ProgressByGroup progress;
    std::map<std::string, Time> since;  // it waits in the group's operation
  };

  std::string name(int rank) const;
  std::string last_operation(int rank, const std::string& group) const;
  Verdict compare(int rank) const;
  Verdict overdue(int rank, const std::string& group) const;
  int absent(const std::string& group, const Progress& waiting) const;

  Member leader_;
  std::chrono::milliseconds timeout_;
  Time begin_;
  std::vector<Rank> ranks_;
  int left_ = 0;  // ranks
};

// "all_reduce of 1024 f32 values (operation 117)"
std::string text_of(const Progress& progress);
// "2 s", "0.5 s"
std::string text_of(std::chrono::milliseconds duration);

}  // namespace sf
