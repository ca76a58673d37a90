// NCCL's functions as groups call them, loaded at first use.
#pragma once

#include <memory>
#include <optional>

#include <nccl.h>

namespace sf::nccl {

// What operations are queued on, apart from all other work.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual std::optional<int> device() const = 0;  // nothing where a test has none
  virtual cudaStream_t native() const = 0;
  virtual void synchronize() const = 0;
};

struct Library {
  decltype(&ncclGetVersion) get_version = nullptr;
  decltype(&ncclGetErrorString) get_error_string = nullptr;
  decltype(&ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&ncclCommInitRankConfig) comm_init_rank_config = nullptr;
  decltype(&ncclCommGetAsyncError) comm_get_async_error = nullptr;
  decltype(&ncclCommFinalize) comm_finalize = nullptr;
  decltype(&ncclCommDestroy) comm_destroy = nullptr;
  decltype(&ncclCommAbort) comm_abort = nullptr;
  decltype(&ncclAllReduce) all_reduce = nullptr;
  decltype(&ncclReduceScatter) reduce_scatter = nullptr;
  decltype(&ncclAllGather) all_gather = nullptr;
  decltype(&ncclBroadcast) broadcast = nullptr;
  decltype(&ncclGroupStart) group_start = nullptr;
  decltype(&ncclGroupEnd) group_end = nullptr;
  std::unique_ptr<Stream> (*open_stream)(int device) = nullptr;
};

// SF_NCCL_LIBRARY of the environment, else libnccl.so.2. Throws, with the reason, if there is none
// or it is too old.
const Library& library();

// Lets another library stand in for the loaded one while it lives; one at a time, for tests.
class LibraryScope {
 public:
  explicit LibraryScope(const Library& library);
  ~LibraryScope();
  LibraryScope(const LibraryScope&) = delete;
  LibraryScope& operator=(const LibraryScope&) = delete;
};

}  // namespace sf::nccl
