#include "data/train_loader.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <exception>
#include <map>
#include <set>
#include <stop_token>
#include <utility>

#include "data/batch_memory.h"
#include "data/clip_reader.h"
#include "data/index_cache.h"
#include "data/random_draws.h"
#include "data/task_threads.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr size_t kMostTrials = 100;  // videos tried for one place of a batch

constexpr size_t kIndexBytes = size_t(1) << 28;  // for about a quarter of a million videos

constexpr size_t kPictureBytes = size_t(1) << 26;

enum Draw : uint64_t { kOrder, kSamples };
enum SampleDraw : uint64_t { kClips, kReplacements };

TrainLoaderOptions checked(const TrainLoaderOptions& o) {
  SF_CHECK(o.windows > 0 && o.copies > 0,
           "train loader: wanted at least one clip of a video, found ", o.windows, " windows with ",
           o.copies, " copies");
  SF_CHECK(o.max_sampling_rate <= 0 || o.max_sampling_rate >= o.sampling.sampling_rate,
           "train loader: wanted a largest sampling rate of at least ", o.sampling.sampling_rate,
           ", found ", o.max_sampling_rate);
  SF_CHECK(o.fps_jitter >= 0, "train loader: wanted no negative jitter of the frame rate, found ",
           o.fps_jitter);
  SF_CHECK(o.device.backend == Backend::cpu || (!o.rand_augment && !o.random_erasing),
           "train loader: wanted clips made on the CPU (SF.DECODER cpu) with RandAugment or random "
           "erasing, found ",
           o.device.name());
  clip_length(o.sampling, 30);  // the rest are checked by their users
  if (o.rand_augment) rand_augment(*o.rand_augment, CounterRng(0), 0);
  if (o.random_erasing) erased_boxes(*o.random_erasing, {2, 2}, CounterRng(0));
  if (o.alpha > 0) slow_indices(o.sampling.num_frames, o.alpha);
  return o;
}

// The range of the short side for crops of that size.
SpatialJitter jitter_for(const TrainLoaderOptions& o, int crop) {
  SpatialJitter jitter = o.jitter;
  if (o.full_crop > 0)
    jitter.min_short_side = int(std::nearbyint(double(jitter.min_short_side) * crop / o.full_crop));
  SF_CHECK(jitter.relative || jitter.min_short_side >= crop,
           "train loader: wanted a crop within the short side ", jitter.min_short_side, ", found ",
           crop);
  return jitter;
}

// A batch between the start of its first clip and its return.
struct Batch {
  BatchRange range;
  TrainBatch result;
  int64_t bytes = 0;
  int64_t begun = 0;  // places given to a thread
  int64_t done = 0;
  std::map<int64_t, std::string> faults;  // of videos that were replaced
  int64_t replaced = 0;
  std::exception_ptr failure;
  std::stop_source dropped;
};

}  // namespace

class TrainLoader::Pipeline {
 public:
  Pipeline(const Dataset& dataset, const TrainLoaderOptions& options)
      : dataset_(dataset),
        options_(checked(options)),
        batches_(cut_epoch(dataset.size(), options.batches, options.drop_last)),
        slow_frames_(options.alpha > 0
                         ? int64_t(slow_indices(options.sampling.num_frames, options.alpha).size())
                         : 0) {
    for (const BatchShape& shape : options_.batches) {
      TrainLoaderOptions& o = crop_options_[shape.crop] = options_;
      o.jitter = jitter_for(options_, shape.crop);
      jittered_short_side(o.jitter, 0);  // checks the range
    }
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
      for (const auto& batch : flight_) batch->dropped.request_stop();
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
    return threads_.take([this]() -> std::optional<std::optional<TrainBatch>> {
      if (flight_.empty()) {
        if (next_ < batches()) return std::nullopt;
        memory_.clear();
        return std::optional<TrainBatch>();
      }
      Batch& batch = *flight_.front();
      if (batch.failure) std::rethrow_exception(batch.failure);
      if (batch.done < batch.range.videos) return std::nullopt;
      for (auto& [video, fault] : batch.faults)
        if (reported_.insert(video).second) faults_.push_back(std::move(fault));
      replaced_ += batch.replaced;
      held_bytes_ -= batch.bytes;
      std::optional<TrainBatch> result = std::move(batch.result);
      flight_.pop_front();
      return result;
    });
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

  int64_t clips_of_a_video() const { return int64_t(options_.windows) * options_.copies; }

  int64_t bytes_of_batch(int64_t videos, int64_t crop) const {
    return videos * clips_of_a_video() * (options_.sampling.num_frames + slow_frames_) * crop *
           crop * 3 * int64_t(sizeof(float));
  }

  size_t largest_batch_bytes() const {
    int64_t most = 0;
    for (const BatchRange& b : batches_) most = std::max(most, bytes_of_batch(b.videos, b.crop));
    return size_t(most);
  }

  // A batch, and on a device the pictures that workers have in the making.
  size_t spare_bytes() const {
    return largest_batch_bytes() + (options_.device.backend == Backend::cpu ? 0 : kPictureBytes);
  }

  // Those that all workers are busy with, and one that waits to be taken.
  int64_t most_batches(int64_t videos) const {
    return (bounded_workers(options_.workers) + videos - 1) / videos + 1;
  }

  // The next place of the first batch that has one, or of a new batch.
  Task pick() {
    for (const auto& batch : flight_) {
      if (batch->failure) return {};
      if (batch->begun == batch->range.videos) continue;
      return [this, batch, place = batch->begun++](Lock& lock) { fill(*batch, place, lock); };
    }
    if (!started_ || next_ == batches()) return {};
    const BatchRange& range = batches_[size_t(next_)];
    const int64_t bytes = bytes_of_batch(range.videos, range.crop);
    if (held_bytes_ > 0 && held_bytes_ + bytes > options_.memory_bytes) return {};
    if (int64_t(flight_.size()) >= most_batches(range.videos)) return {};
    auto batch = std::make_shared<Batch>();
    batch->range = range;
    batch->bytes = bytes;
    const int64_t clips = range.videos * clips_of_a_video();
    const auto add = [&](int64_t frames) {
      batch->result.pathways.push_back(
          memory_.tensor({Shape{clips, frames, range.crop, range.crop, 3}, DType::f32}));
    };
    if (slow_frames_ > 0) add(slow_frames_);
    add(options_.sampling.num_frames);
    batch->result.labels.resize(size_t(clips));
    batch->result.videos.resize(size_t(clips));
    held_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, held_bytes_);
    ++next_;
    flight_.push_back(batch);
    return [this, batch, place = batch->begun++](Lock& lock) { fill(*batch, place, lock); };
  }

  // Reads the clips of one video of the batch, or of the one that takes its place.
  void fill(Batch& batch, int64_t place, Lock& lock) {
    const int64_t number = batch.range.first + place;
    const int64_t planned = order_[size_t(number)];
    const CounterRng rng = derived(samples_, uint64_t(planned));
    lock.unlock();
    std::map<int64_t, std::string> faults;
    std::exception_ptr failure;
    try {
      fill(batch, place, planned, rng, faults);
    } catch (...) { failure = std::current_exception(); }
    lock.lock();
    ++batch.done;
    batch.replaced += faults.empty() ? 0 : 1;
    batch.faults.merge(faults);
    if (failure && !batch.failure) batch.failure = failure;
  }

  void fill(Batch& batch, int64_t place, int64_t planned, const CounterRng& rng,
            std::map<int64_t, std::string>& faults) {
    const CounterRng replacements = derived(rng, kReplacements);
    const int64_t videos = dataset_.size();
    int64_t video = planned;
    while (true) {
      const std::string fault = read(batch, place, video, rng);
      if (fault.empty()) return;
      SF_CHECK(!batch.dropped.stop_requested() && !threads_.stop_token().stop_requested(), fault);
      faults.emplace(video, fault);
      SF_CHECK(faults.size() < std::min(kMostTrials, size_t(videos)),
               "train loader: wanted a video that can be read, found none among ", faults.size(),
               "; the last: ", fault);
      video = below(replacements, faults.size(), videos);
      while (faults.contains(video)) video = (video + 1) % videos;
    }
  }

  // Returns the reason if the video cannot be read.
  std::string read(Batch& batch, int64_t place, int64_t video, const CounterRng& rng) {
    const VideoItem& item = dataset_.video(video);
    if (!item.fault.empty()) return item.fault;
    const int64_t first = place * clips_of_a_video();
    std::vector<ClipPlace> places;
    for (int64_t clip = first; clip < first + clips_of_a_video(); ++clip) {
      const auto at = [&](const Tensor& t) { return reinterpret_cast<float*>(t.row(clip).data()); };
      const auto& pathways = batch.result.pathways;
      places.push_back(
          {.fast = at(pathways.back()), .slow = slow_frames_ > 0 ? at(pathways.front()) : nullptr});
      batch.result.labels[size_t(clip)] = item.label;
      batch.result.videos[size_t(clip)] = video;
    }
    const std::stop_callback stop(threads_.stop_token(), [&] { batch.dropped.request_stop(); });
    try {
      const auto known = indices_.find(video);
      const auto index =
          read_random_clips(item.path, known, crop_options_.at(batch.range.crop), batch.range.crop,
                            derived(rng, kClips), memory_, batch.dropped.get_token(), places);
      if (index != known) indices_.insert(video, index);
    } catch (const std::exception& e) { return e.what(); }
    return {};
  }

  const Dataset& dataset_;
  const TrainLoaderOptions options_;
  const std::vector<BatchRange> batches_;
  const int64_t slow_frames_;
  std::map<int, TrainLoaderOptions> crop_options_;  // with the jitter for that crop

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
  IndexCache indices_{kIndexBytes};
  BatchMemory memory_{spare_bytes(), options_.device};
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
