#include "data/test_loader.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "data/kept_decoders.h"
#include "data/pathways.h"
#include "data/random_draws.h"
#include "data/task_threads.h"
#include "data/video_reader.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr size_t kPixel = 3 * sizeof(float);

// Which frames and which pixels of a video its clips take.
struct Plan {
  std::vector<int64_t> frames;                // those of all views, ascending, each once
  std::vector<std::vector<int64_t>> indices;  // of each view
  PictureSize source, resized;
  std::vector<Box> crops;
  Box kept;  // around the crops

  int64_t frame_floats() const { return int64_t(kept.height) * kept.width * 3; }
  int64_t bytes() const { return int64_t(frames.size()) * frame_floats() * int64_t(sizeof(float)); }
};

Plan make_plan(const TestLoaderOptions& o, const VideoInfo& info, int64_t frames,
               const CounterRng& rng) {
  Plan plan;
  for (int view = 0; view < o.views; ++view) {
    plan.indices.push_back(in_order(o.frame_order,
                                    view_indices(o.sampling, frames, info.fps, view, o.views),
                                    derived(rng, uint64_t(view))));
    plan.frames.insert(plan.frames.end(), plan.indices.back().begin(), plan.indices.back().end());
  }
  std::sort(plan.frames.begin(), plan.frames.end());
  plan.frames.erase(std::unique(plan.frames.begin(), plan.frames.end()), plan.frames.end());
  plan.source = {info.height, info.width};
  plan.resized = short_side_size(plan.source, o.short_side);
  for (int crop = 0; crop < o.crops; ++crop) {
    plan.crops.push_back(uniform_crop(plan.resized, o.crop_size, o.crops == 1 ? 1 : crop));
  }
  plan.kept = enclosing(plan.crops);
  return plan;
}

// A video between the moment a thread opens it and the moment its last clip is taken.
struct Video {
  enum class Stage { opening, opened, decoding, ready };

  int64_t index = 0;
  int64_t label = 0;
  Stage stage = Stage::opening;
  std::string fault;
  std::unique_ptr<VideoReader> reader;
  DeviceQueue queue;  // the reader's
  Plan plan;
  Tensor
      frames;  // f32, plan.frames.size() x plan.kept x 3; empty again after the last clip is copied
  int64_t bytes = 0;  // held for `frames`
  int begun = 0;      // clips given to a thread
  int copied = 0;     // clips that are done
  int taken = 0;      // clips handed out
  std::vector<std::optional<TestItem>> clips;
};

// Copies one clip out of the frames of its video, on the queue that these were made on.
TestItem copy_clip(const TestLoaderOptions& o, const Video& video, int number,
                   BatchMemory& memory) {
  TestItem item{.video = video.index,
                .label = video.label,
                .view = number / o.crops,
                .crop = number % o.crops};
  const Plan& plan = video.plan;
  const Box crop = plan.crops[size_t(item.crop)];
  const std::vector<int64_t>& indices = plan.indices[size_t(item.view)];
  const size_t row = size_t(crop.width) * kPixel;
  const auto clip_of = [&](size_t frames) {
    return memory.tensor({Shape{int64_t(frames), crop.height, crop.width, 3}, DType::f32});
  };
  const Tensor all = clip_of(indices.size());
  const int64_t first = int64_t(crop.y - plan.kept.y) * plan.kept.width + crop.x - plan.kept.x;
  for (size_t t = 0; t < indices.size(); ++t) {
    const auto at =
        std::lower_bound(plan.frames.begin(), plan.frames.end(), indices[t]) - plan.frames.begin();
    video.queue.copy_rows(all.row(int64_t(t)).data(),
                          video.frames.row(at).data() + size_t(first) * kPixel,
                          {.rows = size_t(crop.height),
                           .bytes = row,
                           .to_pitch = row,
                           .from_pitch = size_t(plan.kept.width) * kPixel});
  }
  item.pathways = pathways_of(all, o.alpha, memory, video.queue);
  video.queue.synchronize("clips");
  return item;
}

}  // namespace

// Threads pick tasks in this order: copy the next clip, decode the next opened video, open another
// one. Everything but the tasks themselves happens under the mutex. Memory is granted to videos in
// their order, so the one that next() waits for never waits for memory that a later one holds.
class TestLoader::Pipeline {
 public:
  Pipeline(const Dataset& dataset, const TestLoaderOptions& options)
      : dataset_(dataset), options_(options) {
    const TestLoaderOptions& o = options_;
    SF_CHECK(dataset.size() == 0 || dataset.key_frame(0) == nullptr,
             "test loader: wanted a data set of whole videos, found one of key frames");
    SF_CHECK(o.first_video >= 0 && o.first_video <= dataset.size() &&
                 o.videos <= dataset.size() - o.first_video,
             "test loader: wanted some of ", dataset.size(), " videos, found ", o.videos, " from ",
             o.first_video);
    opened_ = o.first_video;
    end_ = o.videos < 0 ? dataset.size() : o.first_video + o.videos;
    SF_CHECK(o.views > 0, "test loader: wanted at least one view, found ", o.views);
    SF_CHECK(o.crops >= 1 && o.crops <= 3, "test loader: wanted 1 to 3 spatial crops, found ",
             o.crops);
    SF_CHECK(o.crop_size > 0 && o.short_side >= o.crop_size,
             "test loader: wanted a crop within the short side ", o.short_side, ", found ",
             o.crop_size);
    SF_CHECK(o.sampling.num_frames > 0, "test loader: wanted at least one frame, found ",
             o.sampling.num_frames);
    const int64_t slow =
        o.alpha > 0 ? int64_t(slow_indices(o.sampling.num_frames, o.alpha).size()) : 0;
    clip_bytes_ =
        (o.sampling.num_frames + slow) * o.crop_size * o.crop_size * 3 * int64_t(sizeof(float));
    workers_ = bounded_workers(o.workers);
    // A quarter of the memory for clips that wait, the rest for frames.
    clips_ahead_ =
        std::clamp<int64_t>(o.memory_bytes / 4 / clip_bytes_, 1, std::max(1, 2 * workers_));
    frame_budget_ = o.memory_bytes - clips_ahead_ * clip_bytes_;
    SF_CHECK(frame_budget_ > 0, "test loader: wanted memory for one clip of ", clip_bytes_,
             " bytes, found ", o.memory_bytes);
    threads_.start(workers_);
  }

  std::optional<TestItem> next() {
    return threads_.take([this]() -> std::optional<std::optional<TestItem>> {
      if (flight_.empty() && opened_ == end_) return std::optional<TestItem>();
      if (std::optional<TestItem> item = take()) return item;
      return std::nullopt;
    });
  }

  int64_t peak_bytes() const {
    const Lock lock = threads_.lock();
    return peak_bytes_;
  }

 private:
  using Task = TaskThreads::Task;
  using Lock = TaskThreads::Lock;

  int clips_of_a_video() const { return options_.views * options_.crops; }

  // The next item, if it is there.
  std::optional<TestItem> take() {
    if (flight_.empty() || flight_.front()->stage != Video::Stage::ready) return std::nullopt;
    Video& video = *flight_.front();
    std::optional<TestItem> item;
    if (!video.fault.empty()) {
      item = TestItem{.video = video.index, .label = video.label, .fault = video.fault};
      flight_.pop_front();
    } else if (std::optional<TestItem>& clip = video.clips[size_t(video.taken)]) {
      item = std::exchange(clip, std::nullopt);
      --waiting_clips_;
      if (++video.taken == clips_of_a_video()) flight_.pop_front();
    }
    return item;
  }

  // A task that can run now, marked as begun; empty if there is none.
  Task pick() {
    if (waiting_clips_ < clips_ahead_) {
      for (const auto& video : flight_) {
        if (video->stage != Video::Stage::ready) break;
        if (!video->fault.empty() || video->begun == clips_of_a_video()) continue;
        ++waiting_clips_;
        note_peak();
        return [this, v = video.get(), number = video->begun++](auto& lock) {
          copy(*v, number, lock);
        };
      }
    }
    for (const auto& video : flight_) {
      if (video->stage == Video::Stage::opening) break;
      if (video->stage != Video::Stage::opened) continue;
      const int64_t bytes = video->plan.bytes();
      if (held_bytes_ > 0 && held_bytes_ + bytes > frame_budget_) break;
      video->stage = Video::Stage::decoding;
      hold(*video, bytes);
      return [this, v = video.get()](auto& lock) { decode(*v, lock); };
    }
    const auto undecoded = std::count_if(flight_.begin(), flight_.end(), [](const auto& v) {
      return v->stage == Video::Stage::opening || v->stage == Video::Stage::opened;
    });
    const int64_t most = 2 * std::max(1, workers_) + 2;  // also bounds how many faults pile up
    if (opened_ < end_ && undecoded < std::max(1, workers_) && int64_t(flight_.size()) < most) {
      flight_.push_back(std::make_unique<Video>());
      Video* v = flight_.back().get();
      v->index = opened_++;
      return [this, v](auto& lock) { open(*v, lock); };
    }
    return {};
  }

  void hold(Video& video, int64_t bytes) {
    held_bytes_ += bytes - video.bytes;
    video.bytes = bytes;
    note_peak();
  }

  void note_peak() {
    peak_bytes_ = std::max(peak_bytes_, held_bytes_ + waiting_clips_ * clip_bytes_);
  }

  // Runs f unlocked. What it throws becomes the fault of the video.
  template <class F>
  void unlocked(Video& video, Lock& lock, const F& f) {
    lock.unlock();
    std::string fault;
    try {
      f();
    } catch (const std::exception& e) { fault = e.what(); }
    if (!fault.empty()) {
      video.reader.reset();  // waits for what still writes to the frames
      video.frames = {};
    }
    lock.lock();
    video.fault = std::move(fault);
    if (!video.fault.empty()) {
      hold(video, 0);
      video.stage = Video::Stage::ready;
    }
  }

  void open(Video& video, Lock& lock) {
    unlocked(video, lock, [&] {
      const VideoItem& item = dataset_.video(video.index);
      video.label = item.label;
      SF_CHECK(item.fault.empty(), item.fault);
      video.reader = std::make_unique<VideoReader>(
          item.path, VideoReaderOptions{.timeout_seconds = options_.decode_timeout_seconds,
                                        .cancel = threads_.stop_token(),
                                        .pictures = memory_,
                                        .decoders = decoders_});
      video.queue = video.reader->queue();
      plan(video, video.reader->expected_frames());
    });
    if (video.fault.empty()) video.stage = Video::Stage::opened;
  }

  void plan(Video& video, int64_t frames) {
    const std::string& path = dataset_.video(video.index).path;
    SF_CHECK(frames > 0, path, ": wanted frames, found none that decodes");
    try {
      video.plan = make_plan(options_, video.reader->info(), frames,
                             derived(CounterRng(options_.seed), uint64_t(video.index)));
    } catch (const Error& e) { throw Error(cat(path, ": ", e.what())); }
    SF_CHECK(video.plan.bytes() <= frame_budget_, path, ": its frames take ", video.plan.bytes(),
             " bytes, the loader may hold ", frame_budget_, " (SF.LOADER_MEMORY)");
  }

  void decode(Video& video, Lock& lock) {
    unlocked(video, lock, [&] {
      const int64_t expected = video.reader->expected_frames();
      read(video);
      if (const int64_t found = video.reader->frame_count(); found != expected) {
        video.frames = {};
        plan(video, found);
        lock.lock();
        hold(video, video.plan.bytes());
        lock.unlock();
        read(video);
      }
      video.reader.reset();
    });
    if (video.fault.empty()) {
      video.clips.resize(size_t(clips_of_a_video()));
      video.stage = Video::Stage::ready;
    }
  }

  // Decodes the planned frames as far as the file has them.
  void read(Video& video) {
    const Plan& plan = video.plan;
    video.frames = memory_.tensor(
        {Shape{int64_t(plan.frames.size()), plan.kept.height, plan.kept.width, 3}, DType::f32});
    auto* to = reinterpret_cast<float*>(video.frames.data());
    Resampler resampler(plan.source, plan.resized, plan.kept, options_.normalization, false,
                        video.queue);
    video.reader->visit(plan.frames, [&](size_t k, const Picture& picture) {
      resampler.run(picture, to + int64_t(k) * plan.frame_floats());
    });
    video.queue.synchronize("frames");
  }

  void copy(Video& video, int number, Lock& lock) {
    lock.unlock();
    TestItem item = copy_clip(options_, video, number, memory_);
    lock.lock();
    video.clips[size_t(number)] = std::move(item);
    if (++video.copied == clips_of_a_video()) {
      video.frames = {};
      hold(video, 0);
    }
  }

  const Dataset& dataset_;
  const TestLoaderOptions options_;
  int workers_ = 0;
  int64_t clip_bytes_ = 0;
  int64_t clips_ahead_ = 0;
  int64_t frame_budget_ = 0;

  std::deque<std::unique_ptr<Video>> flight_;  // in the order of the data set
  int64_t opened_ = 0, end_ = 0;  // the next video to enter flight_, and the last's end
  int64_t held_bytes_ = 0;        // by frames
  int64_t waiting_clips_ = 0;     // begun or copied, and not taken
  int64_t peak_bytes_ = 0;
  // On the host, what is released goes back at once.
  BatchMemory memory_{options_.device.is_host() ? 0 : size_t(options_.memory_bytes),
                      options_.device};
  std::shared_ptr<KeptDecoders> decoders_ = decoders_for(options_.device, options_.workers);
  TaskThreads threads_{[this] { return pick(); }};  // last: its threads use all of the above
};

TestLoader::TestLoader(const Dataset& dataset, const TestLoaderOptions& options)
    : pipeline_(std::make_unique<Pipeline>(dataset, options)) {}
TestLoader::~TestLoader() = default;
std::optional<TestItem> TestLoader::next() { return pipeline_->next(); }
int64_t TestLoader::peak_bytes() const { return pipeline_->peak_bytes(); }

}  // namespace sf
