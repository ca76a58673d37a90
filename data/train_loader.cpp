#include "data/train_loader.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <set>
#include <stop_token>
#include <utility>

#include "data/batch_reader.h"
#include "data/random_draws.h"
#include "data/task_threads.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr size_t kMostTrials = 100;  // videos tried for one place of a batch

enum Draw : uint64_t { kOrder, kSamples };
enum SampleDraw : uint64_t { kClips, kReplacements };

// A batch between the start of its first clip and its return.
struct Batch {
  BatchContents contents;
  int64_t bytes = 0;  // that it counts for
  int64_t begun = 0;  // places given to a thread
  int64_t done = 0;
  std::map<int64_t, std::string> faults;  // of videos that could not be read
  int64_t replaced = 0;
  std::exception_ptr failure;

  int64_t videos() const { return contents.range.videos; }
};

}  // namespace

class TrainLoader::Pipeline {
 public:
  Pipeline(const Dataset& dataset, const TrainLoaderOptions& options)
      : dataset_(dataset),
        options_(options),
        batches_(cut_epoch(dataset.size(), options.batches, options.drop_last, options.part)),
        reader_(dataset, options) {
    threads_.start(options_.workers);
  }

  int64_t batches() const { return int64_t(batches_.size()); }

  void start(int64_t epoch, int64_t first_batch) {
    SF_CHECK(epoch >= 0 && first_batch >= 0 && first_batch <= batches(),
             "train loader: wanted a batch in [0, ", batches(), "], found batch ", first_batch,
             " of epoch ", epoch);
    const CounterRng rng = derived(CounterRng(options_.seed), uint64_t(epoch));
    std::vector<int64_t> order(size_t(dataset_.size()));
    for (size_t i = 0; i < order.size(); ++i) order[i] = int64_t(i);
    if (options_.shuffle) order = permutation(derived(rng, kOrder), dataset_.size());
    threads_.change([&] {
      for (const auto& batch : flight_) batch->contents.dropped.request_stop();
      flight_.clear();
      held_bytes_ = 0;
      samples_ = derived(rng, kSamples);
      order_ = std::move(order);
      next_ = first_batch;
      started_ = true;
    });
  }

  std::optional<TrainBatch> next() {
    SF_CHECK(started_, "train loader: wanted start() before next()");
    while (true) {
      bool end = false;
      auto batch = threads_.take([&]() -> std::optional<std::optional<TrainBatch>> {
        if (flight_.empty()) {
          if (next_ < batches()) {
            if (batches_[size_t(next_)].videos > 0) return std::nullopt;
            ++next_;
            return std::optional(TrainBatch{});
          }
          reader_.clear();
          end = true;
          return std::optional<TrainBatch>();
        }
        const std::shared_ptr<Batch> first = flight_.front();
        if (first->failure) std::rethrow_exception(first->failure);
        if (first->done < first->videos()) return std::nullopt;
        flight_.pop_front();
        return finish(*first);
      });
      if (batch || end) return batch;
    }
  }

  std::vector<std::string> take_faults() {
    const Lock lock = threads_.lock();
    return std::exchange(faults_, {});
  }
  int64_t replaced() const {
    const Lock lock = threads_.lock();
    return replaced_;
  }
  int64_t peak_bytes() const {
    const Lock lock = threads_.lock();
    return peak_bytes_;
  }

 private:
  using Lock = TaskThreads::Lock;
  using Task = TaskThreads::Task;

  // Accounts for a batch that is done. Returns what it holds; empty if no clip was read.
  std::optional<TrainBatch> finish(Batch& batch) {
    for (auto& [video, fault] : batch.faults)
      if (reported_.insert(video).second) faults_.push_back(std::move(fault));
    replaced_ += batch.replaced;
    held_bytes_ -= batch.bytes;
    if (!options_.replace && int64_t(batch.faults.size()) == batch.videos()) return {};
    return reader_.finish(batch.contents);
  }

  // Those that all workers are busy with, and one that waits to be taken.
  int64_t most_batches(int64_t videos) const {
    return (bounded_workers(options_.workers) + videos - 1) / videos + 1;
  }

  // The next place of the first batch that has one, or of a new batch.
  Task pick() {
    for (const auto& batch : flight_) {
      if (batch->failure) return {};
      if (batch->begun == batch->videos()) continue;
      return [this, batch, place = batch->begun++](Lock& lock) { fill(*batch, place, lock); };
    }
    if (!started_ || next_ == batches()) return {};
    const BatchRange& range = batches_[size_t(next_)];
    if (range.videos == 0) return {};  // next() skips it
    const int64_t bytes = reader_.expected_bytes(range);
    if (held_bytes_ > 0 && held_bytes_ + bytes > options_.memory_bytes) return {};
    if (int64_t(flight_.size()) >= most_batches(range.videos)) return {};
    auto batch = std::make_shared<Batch>();
    batch->contents = reader_.begin(range);
    hold(*batch, bytes);
    ++next_;
    flight_.push_back(batch);
    return [this, batch, place = batch->begun++](Lock& lock) { fill(*batch, place, lock); };
  }

  void hold(Batch& batch, int64_t bytes) {
    batch.bytes = bytes;
    held_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, held_bytes_);
  }

  // Reads the clips of one video of the batch, or of the one that takes its place.
  void fill(Batch& batch, int64_t place, Lock& lock) {
    const int64_t number = batch.contents.range.first + place;
    const int64_t planned = order_[size_t(number) % order_.size()];
    const CounterRng rng = derived(samples_, uint64_t(planned));
    lock.unlock();
    std::map<int64_t, std::string> faults;
    std::exception_ptr failure;
    try {
      fill(batch, place, planned, rng, faults);
    } catch (...) { failure = std::current_exception(); }
    lock.lock();
    ++batch.done;
    if (!batch.contents.dropped.stop_requested()) {
      held_bytes_ -= batch.bytes;
      hold(batch, std::max(batch.bytes, BatchReader::bytes(batch.contents)));
    }
    batch.replaced += options_.replace && !faults.empty() ? 1 : 0;
    batch.faults.merge(faults);
    if (failure && !batch.failure) batch.failure = failure;
  }

  void fill(Batch& batch, int64_t place, int64_t planned, const CounterRng& rng,
            std::map<int64_t, std::string>& faults) {
    const CounterRng replacements = derived(rng, kReplacements);
    const int64_t videos = dataset_.size();
    int64_t video = planned;
    std::stop_source& dropped = batch.contents.dropped;
    const std::stop_callback stop(threads_.stop_token(), [&] { dropped.request_stop(); });
    while (true) {
      const std::string fault = reader_.read(batch.contents, place, video, derived(rng, kClips));
      if (fault.empty()) return;
      SF_CHECK(!dropped.stop_requested(), fault);
      faults.emplace(video, fault);
      if (!options_.replace) return reader_.blacken(batch.contents, place);
      SF_CHECK(faults.size() < std::min(kMostTrials, size_t(videos)),
               "train loader: wanted a video that can be read, found none among ", faults.size(),
               "; the last: ", fault);
      video = below(replacements, faults.size(), videos);
      while (faults.contains(video)) video = (video + 1) % videos;
    }
  }

  const Dataset& dataset_;
  const TrainLoaderOptions options_;
  const std::vector<BatchRange> batches_;
  BatchReader reader_;

  std::vector<int64_t> order_;  // of the epoch
  CounterRng samples_{0};
  int64_t next_ = 0;  // batch to begin
  bool started_ = false;
  std::deque<std::shared_ptr<Batch>> flight_;
  int64_t held_bytes_ = 0;
  int64_t peak_bytes_ = 0;
  int64_t replaced_ = 0;
  std::set<int64_t> reported_;
  std::vector<std::string> faults_;
  TaskThreads threads_{[this] { return pick(); }};  // last: its threads use all of the above
};

TrainLoader::TrainLoader(const Dataset& dataset, const TrainLoaderOptions& options)
    : pipeline_(std::make_unique<Pipeline>(dataset, options)) {}
TrainLoader::~TrainLoader() = default;
int64_t TrainLoader::batches() const { return pipeline_->batches(); }
void TrainLoader::start(int64_t epoch, int64_t first_batch) {
  pipeline_->start(epoch, first_batch);
}
std::optional<TrainBatch> TrainLoader::next() { return pipeline_->next(); }
std::vector<std::string> TrainLoader::take_faults() { return pipeline_->take_faults(); }
int64_t TrainLoader::replaced() const { return pipeline_->replaced(); }
int64_t TrainLoader::peak_bytes() const { return pipeline_->peak_bytes(); }

}  // namespace sf
