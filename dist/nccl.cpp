#include "dist/nccl.h"

#include <string>

#include "dist/device_group.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/base/error.h"
#include "kernels/base/shared_library.h"

namespace sf {
namespace nccl {
namespace {

constexpr int kOldest = 21800;  // has all of these, and communicators that do not block

class CudaStream : public Stream {
 public:
  explicit CudaStream(int device) : stream_(device, cuda::Stream::Order::apart) {}
  std::optional<int> device() const override { return stream_.device(); }
  cudaStream_t native() const override { return cudaStream_t(stream_.queue().native); }
  void synchronize() const override { stream_.synchronize(); }

 private:
  cuda::Stream stream_;
};

int version_of(const Library& l) {
  int version = 0;
  l.get_version(&version);
  return version;
}

std::string text_of_version(int version) {
  return cat(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

Library load() {
  const SharedLibrary file("SF_NCCL_LIBRARY", "libnccl.so.2");
  Library l;
  l.get_version = file.symbol("ncclGetVersion");
  l.get_error_string = file.symbol("ncclGetErrorString");
  l.get_unique_id = file.symbol("ncclGetUniqueId");
  l.comm_init_rank_config = file.symbol("ncclCommInitRankConfig");
  l.comm_get_async_error = file.symbol("ncclCommGetAsyncError");
  l.comm_finalize = file.symbol("ncclCommFinalize");
  l.comm_destroy = file.symbol("ncclCommDestroy");
  l.comm_abort = file.symbol("ncclCommAbort");
  l.all_reduce = file.symbol("ncclAllReduce");
  l.reduce_scatter = file.symbol("ncclReduceScatter");
  l.all_gather = file.symbol("ncclAllGather");
  l.broadcast = file.symbol("ncclBroadcast");
  l.group_start = file.symbol("ncclGroupStart");
  l.group_end = file.symbol("ncclGroupEnd");
  l.open_stream = [](int device) -> std::unique_ptr<Stream> {
    return std::make_unique<CudaStream>(device);
  };
  const int version = version_of(l);
  SF_CHECK(version >= kOldest && version / 10000 == 2, "found ", text_of_version(version),
           ", wanted 2.18 or a later 2");
  return l;
}

const Library* stand_in = nullptr;

}  // namespace

const Library& library() {
  if (stand_in) return *stand_in;
  static const Library loaded = load();
  return loaded;
}

LibraryScope::LibraryScope(const Library& library) { stand_in = &library; }
LibraryScope::~LibraryScope() { stand_in = nullptr; }

}  // namespace nccl

std::string describe_nccl() {
  try {
    return nccl::text_of_version(nccl::version_of(nccl::library()));
  } catch (const Error& e) { return cat("not found: ", e.what()); }
}

}  // namespace sf
