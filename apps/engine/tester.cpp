#include "apps/engine/tester.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apps/engine/detection.h"
#include "apps/engine/inference_group.h"
#include "apps/engine/logging.h"
#include "apps/engine/progress.h"
#include "apps/engine/results.h"
#include "apps/engine/setup.h"
#include "apps/engine/training_ranks.h"
#include "apps/engine/training_state.h"
#include "data/dataset.h"
#include "data/test_loader.h"

namespace sf {
namespace {

struct View {
  int64_t video = 0;
  int clip = 0;
  int64_t label = 0;
};

// Takes clips from the loader, runs them in batches and joins their scores.
class TestRun {
 public:
  TestRun(const Config& config, const Model& model, std::span<const Device> devices,
          const TrainingRanks& ranks);
  void run();
  // Gives every rank what the others have found.
  void join_ranks();
  void finish(const std::filesystem::path& output_dir);

 private:
  void add(TestItem item);
  void start_batch();
  void finish_batch();
  void tell(const ViewEnsemble::Videos& videos, int rank);
  // The first video of a rank, and behind the last rank the end of all.
  int64_t first_video(int rank) const { return dataset_->size() * rank / ranks_.size(); }
  int64_t clips(int64_t videos) const { return videos * loading_.views * loading_.crops; }

  const Config& config_;
  TrainingRanks ranks_;
  std::unique_ptr<Dataset> dataset_;
  TestLoaderOptions loading_;
  InferenceGroup network_;
  ViewEnsemble ensemble_;
  TestResults results_;
  int64_t batch_, iteration_ = 0;
  std::vector<std::vector<Tensor>> clips_;
  std::vector<View> views_;
  struct Started {
    std::vector<View> views;
    double seconds;  // of the progress then
  };
  std::deque<Started> started_;
  double finished_ = 0;  // when the batch before was
  ProgressBar progress_;
};

TestRun::TestRun(const Config& config, const Model& model, std::span<const Device> devices,
                 const TrainingRanks& ranks)
    : config_(config),
      ranks_(ranks),
      dataset_(make_dataset(config.get<std::string>("TEST.DATASET"), Split::test, config)),
      loading_(test_loader_options(config)),
      network_(model, config, loading_.crop_size, devices, inference_options(config, ranks)),
      ensemble_(dataset_->size(), loading_.views * loading_.crops,
                config.get<int64_t>("MODEL.NUM_CLASSES"),
                parse_ensemble(config.get<std::string>("DATA.ENSEMBLE_METHOD"))),
      batch_(clips_of_rank(config, "TEST.BATCH_SIZE", ranks)),
      progress_("Testing", "clips", clips(first_video(1))) {
  loading_.first_video = first_video(ranks.rank());
  loading_.videos = first_video(ranks.rank() + 1) - loading_.first_video;
  for (int64_t v = 0; v < dataset_->size(); ++v)
    results_.videos.push_back({dataset_->video(v).path, dataset_->video(v).label, ""});
  if (const auto names = config.get<std::string>("SF.CLASS_NAMES_PATH"); !names.empty())
    results_.class_names = read_class_names(names, ensemble_.classes());
}

void TestRun::run() {
  SF_LOG(
      "{} videos, {} clips{}; {} clips run together; {:.2f} GFLOP a clip; {:.1f} MiB of "
      "activations.",
      dataset_->size(), clips(dataset_->size()),
      ranks_.size() > 1 ? cat(" on ", ranks_.size(), " processes") : "", network_.chunk(),
      network_.plan().flops() / double(network_.chunk()) / 1e9,
      double(network_.arena_bytes()) / double(1 << 20));
  SF_LOG("Testing model for {} iterations", (clips(loading_.videos) + batch_ - 1) / batch_);
  TestLoader loader(*dataset_, loading_);
  while (std::optional<TestItem> item = loader.next()) add(std::move(*item));
  if (!clips_.empty()) start_batch();
  while (!started_.empty()) finish_batch();
}

void TestRun::add(TestItem item) {
  if (!item.fault.empty()) {
    results_.videos[size_t(item.video)].fault = item.fault;
    progress_.clear();
    SF_WARN("Cannot read a video: {}", item.fault);
    progress_.advance(loading_.views * loading_.crops);
    return;
  }
  clips_.push_back(std::move(item.pathways));
  views_.push_back({item.video, item.view * loading_.crops + item.crop, item.label});
  if (int64_t(clips_.size()) == batch_) start_batch();
}

void TestRun::start_batch() {
  started_.push_back({std::move(views_), progress_.seconds()});
  network_.start(clips_);
  clips_.clear();
  views_.clear();
  while (started_.size() > network_.ahead()) finish_batch();
}

void TestRun::finish_batch() {
  const Tensor scores = network_.finish().scores;
  const auto [views, start] = std::move(started_.front());
  started_.pop_front();
  const double before = std::max(start, std::exchange(finished_, progress_.seconds()));
  const size_t classes = size_t(ensemble_.classes());
  for (size_t i = 0; i < views.size(); ++i)
    ensemble_.add(views[i].video, views[i].clip, views[i].label,
                  scores.span<float>().subspan(i * classes, classes));
  progress_.clear();
  progress_.advance(int64_t(views.size()));
  ++iteration_;
  const std::string line = format_json_stats({{"split", "test_iter"},
                                              {"cur_iter", fmt::format("{}", iteration_)},
                                              {"eta", format_duration(progress_.eta_seconds())},
                                              {"time_diff", finished_ - before}});
  SF_LOG("{}", line);
}

void TestRun::tell(const ViewEnsemble::Videos& videos, int rank) {
  const auto share = [&](auto values) {
    using T = typename decltype(values)::value_type;
    ranks_.world->broadcast({values.data(), int64_t(values.size()), dtype_of<T>}, rank);
  };
  share(videos.scores);
  share(videos.labels);
  share(videos.counts);
}

void TestRun::join_ranks() {
  if (ranks_.size() > 1) ranks_.world->await_all();
  for (int rank = 0; ranks_.size() > 1 && rank < ranks_.size(); ++rank) {
    const int64_t first = first_video(rank), count = first_video(rank + 1) - first;
    if (count == 0) continue;
    tell(ensemble_.part(first, count), rank);
    for (int64_t v = first; v < first + count; ++v) {
      std::string& fault = results_.videos[size_t(v)].fault;
      if (ensemble_.clip_count(v) == 0) fault = told_by(ranks_, rank, std::move(fault));
      if (!fault.empty() && rank != ranks_.rank()) SF_WARN("Cannot read a video: {}", fault);
    }
  }
}

void TestRun::finish(const std::filesystem::path& output_dir) {
  progress_.clear();
  results_.ensemble = &ensemble_;
  results_.accuracy = accuracy(ensemble_);
  const ClassAccuracy& all = results_.accuracy.all;
  for (int64_t v = 0; v < ensemble_.videos(); ++v) {
    const bool whole = ensemble_.clip_count(v) == loading_.views * loading_.crops;
    if (results_.videos[size_t(v)].fault.empty() && !whole)
      SF_WARN("clip count Ids={} = {} (should be {})", v, ensemble_.clip_count(v),
              loading_.views * loading_.crops);
  }
  for (const std::string& line : split_lines(per_class_table(results_))) SF_LOG("{}", line);

  if (const auto scores = config_.get<std::string>("TEST.SAVE_RESULTS_PATH"); !scores.empty()) {
    write_scores(output_dir / scores, ensemble_);
    SF_LOG("Successfully saved prediction results to {}", (output_dir / scores).string());
  }
  auto predictions = config_.get<std::string>("SF.PREDICTIONS_PATH");
  if (predictions.empty()) predictions = "test_predictions.json";
  write_predictions(output_dir / predictions, results_);
  SF_LOG("Predictions of every video are in {}", (output_dir / predictions).string());

  SF_LOG("{}", format_json_stats(
                   {{"split", "test_final"},
                    {"top1_acc", fmt::format("{:.2f}", Accuracy::percent(all.top1, all.videos))},
                    {"top5_acc", fmt::format("{:.2f}", Accuracy::percent(all.top5, all.videos))}}));
  SF_LOG("Finalized testing with {} temporal clips and {} spatial crops", loading_.views,
         loading_.crops);
  SF_LOG("{:.1f} clips/s", progress_.rate());
  int64_t faults = 0;
  for (const auto& video : results_.videos) {
    if (video.fault.empty()) continue;
    if (++faults == 1) SF_WARN("Videos that could not be read, which do not count:");
    SF_WARN("  {}", video.fault);
  }
  SF_LOG("{} of {} videos counted", all.videos, results_.videos.size());
}

// The numbers of views that a configuration asks to test with.
std::vector<int> temporal_views(const Config& config) {
  auto listed = config.get<std::vector<int>>("TEST.NUM_TEMPORAL_CLIPS");
  if (!listed.empty()) return listed;
  const int views = config.get<int>("TEST.NUM_ENSEMBLE_VIEWS");
  return views == -1 ? std::vector{1, 3, 5, 7, 10} : std::vector{views};
}

}  // namespace

void test(const Config& config, const std::shared_ptr<ProcessGroup>& world) {
  const QuietThread quiet(world && world->rank() > 0);
  const TrainingRanks ranks{.world = world};
  const std::filesystem::path output_dir = config.get<std::string>("OUTPUT_DIR");
  const std::vector<Device> devices = choose_devices(config);
  SF_LOG("Test with config:");
  for (const std::string& line : split_lines(config.dump())) SF_LOG("{}", line);
  check_log();
  const DType dtype = parameter_type(config);
  SF_CHECK(dtype == DType::f32, "SF.DTYPE: testing wants f32, bf16 or f16, found ", dtype);
  const auto model = initial_model(config, dtype);
  if (config.get<bool>("LOG_MODEL_INFO")) log_model_info(*model, config);
  if (ranks.leads()) load_test_weights(*model, config);
  take_from_first(ranks, tensors_of(*model));
  if (model->detects()) return test_detection(config, *model, devices, ranks);
  for (int views : temporal_views(config)) {
    Config one = config;
    one.set("TEST.NUM_ENSEMBLE_VIEWS", cat(views));
    TestRun run(one, *model, devices, ranks);
    run.run();
    run.join_ranks();
    if (ranks.leads()) run.finish(output_dir);
  }
}

}  // namespace sf
