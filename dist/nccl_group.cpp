#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "dist/device_group.h"
#include "dist/nccl.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr std::chrono::microseconds kPoll{50};

ncclDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return ncclFloat32;
    case DType::f64: return ncclFloat64;
    case DType::f16: return ncclFloat16;
    case DType::bf16: return ncclBfloat16;
    case DType::u8: return ncclUint8;
    case DType::i32: return ncclInt32;
    case DType::i64: return ncclInt64;
  }
  throw Error("nccl: no such type");
}

void* part(Elements values, int64_t first) {
  return static_cast<std::byte*>(values.data) + size_t(first) * size_of(values.dtype);
}

// NCCL refused something, or the communicator was aborted.
struct Broken {
  std::string reason;
};

// This rank's end of the group. abort() may come at any time from another thread and frees what
// the others use, so that each call is under the lock; none blocks.
class Communicator {
 public:
  explicit Communicator(const nccl::Library& library) : library_(library) {}
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  void connect(int ranks, const ncclUniqueId& id, int rank) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // or a rank that dies meanwhile leaves the others there
    call([&] { return library_.comm_init_rank_config(&native_, ranks, id, rank, &config); });
  }
  // Waits for the other ranks to do the same. Throws Broken.
  void close() {
    call([&] { return library_.comm_finalize(native_); });
    const std::lock_guard lock(mutex_);
    if (native_) library_.comm_destroy(native_);
    native_ = nullptr;
  }
  ncclComm_t native() const { return native_; }

  // Returns when NCCL has taken what queue() gives it, not when that is done. Throws Broken.
  template <class Queue>
  void call(const Queue& queue) {
    std::unique_lock lock(mutex_);
    check_not_aborted();
    ncclResult_t result = queue();
    while (result == ncclInProgress) {
      lock.unlock();
      std::this_thread::sleep_for(kPoll);
      lock.lock();
      check_not_aborted();
      const ncclResult_t error = library_.comm_get_async_error(native_, &result);
      if (error != ncclSuccess) result = error;
    }
    if (result != ncclSuccess) throw Broken{cat("NCCL: ", library_.get_error_string(result))};
  }

  void abort() {
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    if (native_) library_.comm_abort(native_);
    native_ = nullptr;
  }
  void check_not_aborted() const {
    if (aborted_) throw Broken{"NCCL: aborted"};
  }

 private:
  const nccl::Library& library_;
  std::mutex mutex_;
  ncclComm_t native_ = nullptr;
  std::atomic<bool> aborted_ = false;
};

class NcclGroup : public ProcessGroup {
 public:
  explicit NcclGroup(const DeviceGroupOptions& options)
      : options_(options),
        library_(nccl::library()),
        stream_(library_.open_stream(options.device)),
        communicator_(library_) {
    watcher_ = options_.control->watch([this] { communicator_.abort(); });
    try {
      connect();
    } catch (...) {
      options_.control->forget(watcher_);
      throw;
    }
  }
  ~NcclGroup() override {
    if (std::uncaught_exceptions() == 0) close();
    communicator_.abort();  // where it is not closed
    options_.control->forget(watcher_);
  }
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  int rank() const override { return options_.host->rank(); }
  int size() const override { return options_.host->size(); }

  void all_reduce(Elements v) override {
    check_summable(v.dtype);
    operation(text_of("all_reduce", v), [&](ncclComm_t comm, cudaStream_t stream) {
      return library_.all_reduce(v.data, v.data, size_t(v.count), data_type(v.dtype), ncclSum, comm,
                                 stream);
    });
  }

  void reduce_scatter(Elements v) override {
    check_summable(v.dtype);
    check_divides(v.count, size(), "parts of reduce_scatter");
    const int64_t count = v.count / size();
    operation(text_of("reduce_scatter", v), [&](ncclComm_t comm, cudaStream_t stream) {
      return library_.reduce_scatter(v.data, part(v, rank() * count), size_t(count),
                                     data_type(v.dtype), ncclSum, comm, stream);
    });
  }

  void all_gather(Elements v, std::span<const int64_t> counts) override {
    check_parts(v.count, counts, size());
    operation(text_of("all_gather", v), [&](ncclComm_t comm, cudaStream_t stream) {
      if (std::ranges::all_of(counts, [&](int64_t count) { return count == counts[0]; }))
        return library_.all_gather(part(v, rank() * counts[0]), v.data, size_t(counts[0]),
                                   data_type(v.dtype), comm, stream);
      // NCCL has none for parts of several lengths: each rank broadcasts its own.
      ncclResult_t result = library_.group_start();
      int64_t first = 0;
      for (int root = 0; root < size(); first += counts[size_t(root++)])
        if (const int64_t count = counts[size_t(root)]; count > 0 && result == ncclSuccess)
          result = library_.broadcast(part(v, first), part(v, first), size_t(count),
                                      data_type(v.dtype), root, comm, stream);
      const ncclResult_t end = library_.group_end();
      return result == ncclSuccess || result == ncclInProgress ? end : result;
    });
  }

  void broadcast(Elements v, int root) override {
    check_root(root, size());
    operation(cat(text_of("broadcast", v), " from rank ", root),
              [&](ncclComm_t comm, cudaStream_t stream) {
                return library_.broadcast(v.data, v.data, size_t(v.count), data_type(v.dtype), root,
                                          comm, stream);
              });
  }

  void barrier() override { options_.host->barrier(); }
  void fail(const std::string& reason) override { options_.host->fail(reason); }
  std::shared_ptr<ProcessGroup> consecutive(int ranks) override {
    return options_.host->consecutive(ranks)->on_device(options_.device);
  }
  std::shared_ptr<ProcessGroup> on_device(int device) override {
    return options_.host->on_device(device);
  }

 private:
  // Rank 0 makes an id, by which the others find it.
  void connect() {
    ncclUniqueId id{};
    std::string reason;
    if (rank() == 0 && library_.get_unique_id(&id) != ncclSuccess) reason = "no unique id";
    options_.host->broadcast({id.internal, NCCL_UNIQUE_ID_BYTES, DType::u8}, 0);
    perform("connecting of devices", [&] {
      if (!reason.empty()) throw Broken{cat("NCCL: ", reason)};
      communicator_.connect(size(), id, rank());
    });
  }

  // The others come when they are through with what they do, within the time-out after that.
  void close() {
    try {
      options_.host->await_all();
      perform("closing of devices", [&] { communicator_.close(); });
    } catch (const Error&) {}  // the job has ended, and says why
  }

  template <class Queue>
  void operation(const std::string& text, const Queue& queue) {
    perform(text, [&] {
      communicator_.call([&] { return queue(communicator_.native(), stream_->native()); });
      stream_->synchronize();  // at once where the communicator is aborted
      communicator_.check_not_aborted();
    });
  }

  template <class Act>
  void perform(const std::string& text, const Act& act) {
    const Progress progress{options_.first, size(), ++number_, text, true};
    const cuda::DeviceScope scope(stream_->device());
    const ControlConnection::Operation running(*options_.control, options_.name, progress);
    const auto end_job = [&](const std::string& reason) {
      communicator_.abort();
      throw_verdict(*options_.control, progress, reason);
    };
    try {
      act();
    } catch (const Broken& e) { end_job(e.reason); } catch (const Error& e) {
      end_job(e.what());
    }
  }

  const DeviceGroupOptions options_;
  const nccl::Library& library_;
  const std::unique_ptr<nccl::Stream> stream_;
  Communicator communicator_;
  int watcher_ = 0;
  int64_t number_ = 0;  // of the operation
};

}  // namespace

std::shared_ptr<ProcessGroup> device_group(const DeviceGroupOptions& options) {
  return std::make_shared<NcclGroup>(options);
}

}  // namespace sf
