#include "dist/launcher.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/base/error.h"
#include "kernels/base/processors.h"

namespace sf {
namespace {

using Clock = std::chrono::steady_clock;

// While it lives, signals wait to be taken.
class TakenSignals {
 public:
  TakenSignals() {
    sigemptyset(&taken_);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&taken_, signal);
    std::signal(SIGCHLD, SIG_DFL);  // or nobody hears how a process ended
    sigprocmask(SIG_BLOCK, &taken_, &before_);
  }
  ~TakenSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  TakenSignals(const TakenSignals&) = delete;
  TakenSignals& operator=(const TakenSignals&) = delete;

  const sigset_t& before() const { return before_; }

  // 0 if none comes.
  int take(std::chrono::milliseconds within) const {
    const timespec time{within.count() / 1000, within.count() % 1000 * 1'000'000};
    const int signal = sigtimedwait(&taken_, nullptr, &time);
    return std::max(signal, 0);
  }

 private:
  sigset_t taken_{}, before_{};
};

// A place of the job's own to meet at; goes with it.
class MeetingFolder {
 public:
  MeetingFolder() : path_((std::filesystem::temp_directory_path() / "sf-XXXXXX").string()) {
    SF_CHECK(mkdtemp(path_.data()), path_, ": cannot be made: ", std::strerror(errno));
  }
  ~MeetingFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MeetingFolder(const MeetingFolder&) = delete;
  MeetingFolder& operator=(const MeetingFolder&) = delete;
  std::string address() const { return cat("file://", path_, "/rendezvous"); }

 private:
  std::string path_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// This process's environment but for the given variables.
std::vector<std::string> environment(const std::vector<std::pair<std::string, std::string>>& set) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const bool replaced = std::any_of(set.begin(), set.end(), [&](const auto& variable) {
      return text.starts_with(variable.first + "=");
    });
    if (!replaced) all.emplace_back(text);
  }
  for (const auto& [name, value] : set) all.push_back(cat(name, "=", value));
  return all;
}

struct Failure {
  int rank = 0;
  int status = 0;  // as the launcher's own
  std::string text;
};

class Processes {
 public:
  Processes(const LaunchOptions& options, const std::string& address, const TakenSignals& signals)
      : first_rank_(options.shard_id * options.processes) {
    for (int i = 0; i < options.processes; ++i) start(i, options, address, signals);
  }
  ~Processes() {
    signal_all(SIGKILL);
    reap(0);
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  bool running() const {
    return std::any_of(processes_.begin(), processes_.end(), [](pid_t p) { return p > 0; });
  }
  const std::optional<Failure>& failure() const { return failure_; }

  void signal_all(int signal) const {
    for (const pid_t process : processes_)
      if (process > 0) kill(process, signal);
  }

  // Takes note of those that have ended.
  void reap(int options = WNOHANG) {
    for (size_t i = 0; i < processes_.size(); ++i) {
      int status = 0;
      if (processes_[i] <= 0 || waitpid(processes_[i], &status, options) != processes_[i]) continue;
      processes_[i] = 0;
      if (status != 0 && !failure_) failure_ = failure(first_rank_ + int(i), status);
    }
  }

 private:
  static Failure failure(int rank, int status) {
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      return {rank, 128 + signal, cat("signal ", signal, " (", strsignal(signal), ")")};
    }
    return {rank, WEXITSTATUS(status), cat("status ", WEXITSTATUS(status))};
  }

  void start(int local_rank, const LaunchOptions& options, const std::string& address,
             const TakenSignals& signals) {
    std::vector<std::pair<std::string, std::string>> variables{
        {"RANK", cat(first_rank_ + local_rank)},
        {"WORLD_SIZE", cat(options.processes * options.num_shards)},
        {"LOCAL_RANK", cat(local_rank)},
        {"LOCAL_WORLD_SIZE", cat(options.processes)},
        {"SF_INIT_METHOD", address}};
    const int threads = processor_count() / options.processes;
    if (!std::getenv("OMP_NUM_THREADS"))
      variables.emplace_back("OMP_NUM_THREADS", cat(std::max(threads, 1)));
    std::vector<std::string> variable_texts = environment(variables), arguments = options.arguments;
    const std::vector<char*> child_environment = pointers(variable_texts),
                             child_arguments = pointers(arguments);
    const cpu_set_t processors = processors_of(local_rank, options.processes);
    const pid_t launcher = getpid(), process = fork();
    SF_CHECK(process >= 0, "fork: ", std::strerror(errno));
    if (process == 0) {  // what other threads may have locked is out of bounds here
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != launcher) _exit(1);  // it has died already
      sigprocmask(SIG_SETMASK, &signals.before(), nullptr);
      sched_setaffinity(0, sizeof(processors), &processors);
      execve(options.program.c_str(), child_arguments.data(), child_environment.data());
      _exit(127);
    }
    processes_.push_back(process);
  }

  const int first_rank_;
  std::vector<pid_t> processes_;  // 0: it has ended
  std::optional<Failure> failure_;
};

// Waits for all processes. True if a signal told them to end.
bool attend(Processes& processes, const TakenSignals& signals, std::chrono::milliseconds grace) {
  constexpr std::chrono::milliseconds kStep{100};
  bool interrupted = false;
  std::optional<Clock::time_point> deadline;
  int next_signal = SIGTERM;
  for (;;) {
    processes.reap();
    if (!processes.running()) return interrupted;
    if ((processes.failure() || interrupted) && !deadline) deadline = Clock::now() + grace;
    if (deadline && Clock::now() >= *deadline) {
      processes.signal_all(next_signal);
      next_signal = SIGKILL;
      deadline = Clock::now() + grace;
    }
    const int signal = signals.take(kStep);
    if (signal == 0 || signal == SIGCHLD) continue;
    processes.signal_all(signal);
    interrupted = true;
  }
}

}  // namespace

int launch(const LaunchOptions& options) {
  const TakenSignals signals;
  for (int start = 1;; ++start) {
    std::optional<MeetingFolder> folder;
    if (options.address.empty()) folder.emplace();
    Processes processes(options, folder ? folder->address() : options.address, signals);
    const bool interrupted = attend(processes, signals, options.grace);
    const auto& failure = processes.failure();
    if (!failure) return 0;
    const bool again = !interrupted && start <= options.restarts;
    if (options.log)
      options.log(cat("process ", failure->rank, " ended with ", failure->text,
                      again ? cat("; restart ", start, " of ", options.restarts) : ""));
    if (!again) return failure->status;
  }
}

}  // namespace sf
