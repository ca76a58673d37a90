#include "apps/engine/checkpointer.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <future>
#include <limits>
#include <system_error>
#include <tuple>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/engine/logging.h"
#include "kernels/base/error.h"
#include "kernels/base/processors.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = ".sf-writing-";  // as AtomicFile names them

int64_t at_least(const Config& config, const std::string& key, int64_t least) {
  const auto value = config.get<int64_t>(key);
  SF_CHECK(value >= least, key, ": wanted at least ", least, ", found ", value);
  return value;
}

bool is_due(const Config& config, int64_t epoch, std::span<const int64_t> stage_ends,
            const std::string& period_key) {
  if (epoch + 1 == config.get<int64_t>("SOLVER.MAX_EPOCH")) return true;
  int64_t begin = 0;
  for (const int64_t end : stage_ends) {
    const int64_t times = at_least(config, "MULTIGRID.EVAL_FREQ", 1);
    const int64_t period = std::max<int64_t>((end - begin) / times + 1, 1);
    if (epoch < end) return (end - 1 - epoch) % period == 0;
    begin = end;
  }
  return (epoch + 1) % at_least(config, period_key, 1) == 0;
}

std::string task_prefix(const Config& config) {
  const auto task = config.get<std::string>("TASK");
  return task.empty() ? "" : task + "_";
}

// Takes a literal, or a number of decimal digits, off the front.
bool take(std::string_view& text, std::string_view literal) {
  if (!text.starts_with(literal)) return false;
  text.remove_prefix(literal.size());
  return true;
}

bool take(std::string_view& text, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(size_t(end - text.data()));
  return true;
}

// name: behind the prefix of the task.
CheckpointFile parsed(const fs::path& path, std::string_view name) {
  CheckpointFile file{.path = path, .own = path.extension() == ".sf"};
  int64_t epochs = 0, iterations = 0;
  if (!take(name, "checkpoint_epoch_") || !take(name, epochs)) return {path, -1, 0, false};
  if (take(name, "_iter_") && !take(name, iterations)) return {path, -1, 0, false};
  if (name != path.extension().string()) return {path, -1, 0, false};
  file.epochs = epochs;
  file.iterations = iterations;
  return file;
}

// A process that writes here at this moment is none of ours to disturb.
void remove_leftovers(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::string_view rest = name;
    int64_t process = 0;
    if (!take(rest, kTemporary) || !take(rest, process)) continue;
    const bool alive = process != getpid() && (kill(pid_t(process), 0) == 0 || errno == EPERM);
    if (!alive && fs::remove(entry.path(), error))
      SF_LOG("Removed {}, which a process that ended left unfinished.", entry.path().string());
  }
}

}  // namespace

bool is_checkpoint_epoch(const Config& config, int64_t epoch, std::span<const int64_t> stage_ends) {
  return is_due(config, epoch, stage_ends, "TRAIN.CHECKPOINT_PERIOD");
}

bool is_eval_epoch(const Config& config, int64_t epoch, std::span<const int64_t> stage_ends) {
  return is_due(config, epoch, stage_ends, "TRAIN.EVAL_PERIOD");
}

fs::path checkpoint_folder(const Config& config) {
  return fs::path(config.get<std::string>("OUTPUT_DIR")) / "checkpoints";
}

std::vector<CheckpointFile> checkpoint_files(const Config& config) {
  const std::string prefix = task_prefix(config);
  std::vector<CheckpointFile> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(checkpoint_folder(config), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix + "checkpoint")) continue;
    files.push_back(parsed(entry.path(), std::string_view(name).substr(prefix.size())));
  }
  std::ranges::sort(files, [](const CheckpointFile& a, const CheckpointFile& b) {
    return std::tie(a.epochs, a.iterations, a.own, a.path) >
           std::tie(b.epochs, b.iterations, b.own, b.path);
  });
  return files;
}

struct Checkpointer::Writer {
  Config config;
  fs::path folder;
  int64_t period = 0, keep = 0;
  bool keep_best = false;
  double best = std::numeric_limits<double>::infinity();  // the error of best.sf
  std::future<void> running;
  double running_best = best;
  std::string failure;  // why the last write failed; empty if it did not

  void read_best();
  void start(const fs::path& path, const TrainingState& state, double best_behind);
  void settle();
  void remove_old(const fs::path& newest) const;
  fs::path best_path() const { return folder / (task_prefix(config) + "best.sf"); }
};

// All but the newest of the engine's own up to the one just saved. Later ones can only be there if
// the run went back, behind a damaged one or by the user's wish; time will overwrite them.
void Checkpointer::Writer::remove_old(const fs::path& newest) const {
  if (keep == 0) return;
  int64_t kept = 0;
  for (const CheckpointFile& file : checkpoint_files(config)) {
    if (kept == 0 && file.path != newest) continue;
    if (!file.own || kept++ < keep) continue;
    std::error_code error;
    if (!fs::remove(file.path, error) && error)
      SF_WARN("Could not remove the old checkpoint {}: {}", file.path.string(), error.message());
  }
}

void Checkpointer::Writer::read_best() {
  if (!fs::exists(best_path())) return;
  try {
    if (const auto error = from_checkpoint(load_checkpoint(best_path())).best_error) best = *error;
  } catch (const Error& error) {
    SF_WARN("The best checkpoint is damaged and counts as none: {}", error.what());
  }
}

void Checkpointer::Writer::start(const fs::path& path, const TrainingState& state,
                                 double best_behind) {
  running_best = best_behind;
  std::promise<void> failure;
  try {
    auto write = [this, path, copy = to_checkpoint(snapshot(state))]() mutable {
      const OnAllProcessors anywhere;
      const Checkpoint checkpoint = std::move(copy);  // freed as soon as it is written
      const auto begin = std::chrono::steady_clock::now();
      save_checkpoint(path, checkpoint);
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
      SF_LOG("Saved {} in {:.1f} s.", path.string(), taken.count());
      remove_old(path);
    };
    running = std::async(std::launch::async, std::move(write));
  } catch (const std::exception& error) {  // no memory for the copy, no thread
    failure.set_exception(std::make_exception_ptr(Error(cat(path.string(), ": ", error.what()))));
    running = failure.get_future();
  }
}

// Ends the write in progress and tells what became of it.
void Checkpointer::Writer::settle() {
  if (!running.valid()) return;
  try {
    running.get();
    failure.clear();
    best = running_best;
  } catch (const std::exception& error) {
    failure = error.what();
    SF_ERROR("A checkpoint was not saved: {}", error.what());
  }
}

Checkpointer::Checkpointer(const Config& config, bool resumed)
    : writer_(std::make_unique<Writer>()) {
  writer_->config = config;
  writer_->folder = checkpoint_folder(config);
  writer_->period = at_least(config, "SF.CHECKPOINT_ITERATIONS", 0);
  writer_->keep = at_least(config, "SF.KEEP_CHECKPOINTS", 0);
  writer_->keep_best = config.get<bool>("SF.KEEP_BEST");
  const fs::path& folder = writer_->folder;
  std::error_code error;
  fs::create_directories(folder, error);
  SF_CHECK(!error, "OUTPUT_DIR: cannot create '", folder.string(), "': ", error.message());
  SF_CHECK(access(folder.c_str(), W_OK | X_OK) == 0, "OUTPUT_DIR: cannot write to '",
           folder.string(), "': ", std::generic_category().message(errno));
  remove_leftovers(folder);
  remove_leftovers(folder.parent_path());
  if (resumed && writer_->keep_best) writer_->read_best();
}

Checkpointer::~Checkpointer() { writer_->settle(); }

bool Checkpointer::due_behind(int64_t iterations) const {
  return writer_->period > 0 && iterations % writer_->period == 0;
}

void Checkpointer::save(const TrainingState& state) {
  std::string name =
      fmt::format("{}checkpoint_epoch_{:05}", task_prefix(writer_->config), state.epochs);
  if (state.iterations > 0) name += fmt::format("_iter_{:06}", state.iterations);
  writer_->settle();
  writer_->start(writer_->folder / (name + ".sf"), state, writer_->best);
}

void Checkpointer::save_if_best(const TrainingState& state, double error) {
  if (!writer_->keep_best) return;
  writer_->settle();
  if (!(error < writer_->best)) return;
  TrainingState best = state;
  best.best_error = error;
  writer_->start(writer_->best_path(), best, error);
}

bool Checkpointer::finish() {
  writer_->settle();
  return writer_->failure.empty();
}

const std::string& Checkpointer::failure() const { return writer_->failure; }

}  // namespace sf
