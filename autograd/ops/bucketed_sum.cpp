#include "autograd/ops/bucketed_sum.h"

#include <utility>

#include "autograd/ops/packed_copy.h"
#include "kernels/base/cuda/runtime.h"

namespace sf {
namespace {

constexpr int64_t kAlignment = 64;  // bytes, as kernels find whole tensors

std::string kernel_name(const std::vector<PackedCopy>& copies) {
  return copies.empty() ? "in_place" : cat("copies_", copies.size());
}

class StartSumOp : public Op {  // inputs: tensors of a bucket; output: the bucket
 public:
  StartSumOp(std::shared_ptr<ReductionQueue> queue, std::shared_ptr<int64_t> number,
             std::vector<int64_t> places, int64_t size)
      : queue_(std::move(queue)),
        number_(std::move(number)),
        places_(std::move(places)),
        size_(size) {}
  std::string_view name() const override { return "start_sum"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    for (const TensorType& t : in)
      SF_CHECK(t.dtype == in[0].dtype && (t.dtype == DType::f32 || t.dtype == DType::f64),
               "start_sum: wants tensors of f32 or of f64, found ", in[0], " and ", t);
    return {{{size_}, in[0].dtype}};
  }
  std::vector<int64_t> inputs_laid_out() const override { return places_; }
  bool ends_later() const override { return true; }

  Lowered lower(const OpSite& site) const override {
    const auto copies = packed_copies(site.in, site.out[0], places_, site.backend);
    Lowered lowered;
    lowered.kernel = kernel_name(copies);
    lowered.launches = int(copies.size());
    lowered.on_host = true;
    lowered.run = [copies, queue = queue_, number = number_, made = std::shared_ptr<cuda::Event>()](
                      const Binding& b, Queue device) mutable {
      const TensorRef& y = b.out[0];
      for (const PackedCopy& c : copies) run(c, b.in[c.port].data, y.data + c.offset, device);
      const Elements bucket{y.data, y.type.shape.numel(), y.type.dtype};
      if (device.backend != Backend::cuda) {
        *number = queue->start(bucket);
        return;
      }
      if (!made) made = std::make_shared<cuda::Event>(cuda::current_device());
      made->record(device);
      *number = queue->start(bucket, [made] { made->synchronize(); });
    };
    return lowered;
  }

 private:
  std::shared_ptr<ReductionQueue> queue_;
  std::shared_ptr<int64_t> number_;
  std::vector<int64_t> places_;
  int64_t size_;
};

class FinishSumOp : public Op {  // input: a bucket that was started; outputs: its tensors
 public:
  FinishSumOp(std::shared_ptr<ReductionQueue> queue, std::shared_ptr<int64_t> number,
              std::vector<int64_t> places, std::vector<TensorType> types)
      : queue_(std::move(queue)),
        number_(std::move(number)),
        places_(std::move(places)),
        types_(std::move(types)) {}
  std::string_view name() const override { return "finish_sum"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return types_; }
  std::vector<int64_t> outputs_laid_out() const override { return places_; }

  Lowered lower(const OpSite& site) const override {
    const auto copies = packed_copies(site.out, site.in[0], places_, site.backend);
    Lowered lowered;
    lowered.kernel = kernel_name(copies);
    lowered.launches = int(copies.size());
    lowered.on_host = true;
    lowered.run = [copies, queue = queue_, number = number_](const Binding& b, Queue device) {
      queue->wait(*number);
      for (const PackedCopy& c : copies)
        run(c, b.in[0].data + c.offset, b.out[c.port].data, device);
    };
    return lowered;
  }

 private:
  std::shared_ptr<ReductionQueue> queue_;
  std::shared_ptr<int64_t> number_;
  std::vector<int64_t> places_;
  std::vector<TensorType> types_;
};

}  // namespace

BucketedSum::BucketedSum(std::shared_ptr<ReductionQueue> queue, int64_t bytes)
    : queue_(std::move(queue)), bytes_(bytes) {
  SF_CHECK(bytes > 0, "bucketed sum: wanted buckets of at least a byte, found ", bytes);
}

void BucketedSum::add(Value x) {
  open_.in.push_back(x);
  gathered_ += x.type().bytes();
  if (gathered_ >= bytes_) start();
}

void BucketedSum::start() {
  Graph& graph = open_.in[0].graph();
  int64_t size = 0;
  for (const Value& x : open_.in) {
    open_.places.push_back(size);
    const int64_t unit = kAlignment / int64_t(size_of(x.type().dtype));
    size += (x.shape().numel() + unit - 1) / unit * unit;
  }
  open_.number = std::make_shared<int64_t>(-1);
  const Graph::Scope scope(graph, cat("bucket", buckets_.size()));
  open_.sum = graph.apply(std::make_shared<StartSumOp>(queue_, open_.number, open_.places, size),
                          open_.in)[0];
  buckets_.push_back(std::exchange(open_, {}));
  gathered_ = 0;
}

std::vector<Value> BucketedSum::finish() {
  if (!open_.in.empty()) start();
  std::vector<Value> sums;
  for (size_t b = 0; b < buckets_.size(); ++b) {
    const Bucket& bucket = buckets_[b];
    Graph& graph = bucket.sum.graph();
    std::vector<TensorType> types;
    for (const Value& x : bucket.in) types.push_back(x.type());
    const Graph::Scope scope(graph, cat("bucket", b, ".sum"));
    const auto parts = graph.apply(
        std::make_shared<FinishSumOp>(queue_, bucket.number, bucket.places, std::move(types)),
        std::vector{bucket.sum});
    sums.insert(sums.end(), parts.begin(), parts.end());
  }
  return sums;
}

}  // namespace sf
