#include "tests/nccl/recording_library.h"

#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "kernels/base/error.h"

// What NCCL's handle points to.
struct ncclComm {
  int rank = 0;
  ncclResult_t async = ncclSuccess;
  int polls = 0;  // until it is that
  bool finalized = false;
};

namespace sf::test {
namespace {

struct State {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<int, std::vector<std::string>> calls;
  std::map<int, const char*> origins;
  std::map<std::string, ncclResult_t> refused;
  bool hangs = false;
  std::set<int> aborted;  // ranks
};
State* state = nullptr;

constexpr int kUniqueIds = -1;  // who asks for them has no rank yet

ncclResult_t note(int rank, const std::string& name, const std::string& details) {
  const std::lock_guard lock(state->mutex);
  state->calls[rank].push_back(cat(name, details.empty() ? "" : " ", details));
  const auto refused = state->refused.find(name);
  return refused == state->refused.end() ? ncclSuccess : refused->second;
}

bool hangs() {
  const std::lock_guard lock(state->mutex);
  return state->hangs;
}

std::string type_text(ncclDataType_t type) {
  switch (type) {
    case ncclFloat32: return "f32";
    case ncclFloat64: return "f64";
    case ncclFloat16: return "f16";
    case ncclBfloat16: return "bf16";
    case ncclUint8: return "u8";
    case ncclInt32: return "i32";
    case ncclInt64: return "i64";
    default: return "?";
  }
}

std::string place(int rank, const void* address) {
  const std::lock_guard lock(state->mutex);
  return cat(static_cast<const char*>(address) - state->origins[rank]);
}

class FakeStream : public nccl::Stream {
 public:
  explicit FakeStream(int number) : number_(number) {}
  std::optional<int> device() const override { return std::nullopt; }
  cudaStream_t native() const override {
    return reinterpret_cast<cudaStream_t>(const_cast<FakeStream*>(this));
  }
  void synchronize() const override {
    std::unique_lock lock(state->mutex);
    state->changed.wait(lock, [&] { return !state->hangs || state->aborted.contains(rank_); });
  }

  // Another rank's work from now on; returns the stream's number.
  int take(int rank) {
    rank_ = rank;
    return number_;
  }

 private:
  int number_, rank_ = 0;
};

std::string values(ncclComm_t comm, const void* from, const void* to, size_t count,
                   ncclDataType_t type, cudaStream_t stream) {
  return cat(count, " ", type_text(type), " at ", place(comm->rank, from), " to ",
             place(comm->rank, to), " on ",
             reinterpret_cast<FakeStream*>(stream)->take(comm->rank));
}

std::string sum_text(ncclRedOp_t op) { return op == ncclSum ? ", sum" : ", ?"; }

thread_local int grouping_rank = 0;

nccl::Library recording() {
  nccl::Library l;
  l.get_version = [](int* version) {
    *version = 22800;
    return ncclSuccess;
  };
  l.get_error_string = [](ncclResult_t) { return "unhandled system error"; };
  l.get_unique_id = [](ncclUniqueId* id) {
    std::strcpy(id->internal, "the id");
    return note(kUniqueIds, "get_unique_id", "");
  };
  l.comm_init_rank_config = [](ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                               ncclConfig_t* config) {
    *comm = new ncclComm{.rank = rank, .async = ncclSuccess, .polls = 2};
    grouping_rank = rank;
    const ncclResult_t result =
        note(rank, "comm_init",
             cat(rank, " of ", ranks, ", ", id.internal, ", blocking ", config->blocking));
    (*comm)->async = result;
    return ncclInProgress;
  };
  l.comm_get_async_error = [](ncclComm_t comm, ncclResult_t* result) {
    const bool goes_on = comm->finalized ? hangs() : --comm->polls > 0;
    *result = goes_on ? ncclInProgress : comm->async;
    return ncclSuccess;
  };
  l.comm_finalize = [](ncclComm_t comm) {
    comm->finalized = true;
    comm->async = note(comm->rank, "comm_finalize", "");
    return ncclInProgress;
  };
  l.comm_destroy = [](ncclComm_t comm) {
    const ncclResult_t result = note(comm->rank, "comm_destroy", "");
    delete comm;
    return result;
  };
  l.comm_abort = [](ncclComm_t comm) {
    const ncclResult_t result = note(comm->rank, "comm_abort", "");
    const std::lock_guard lock(state->mutex);
    state->aborted.insert(comm->rank);
    delete comm;
    state->changed.notify_all();
    return result;
  };
  l.all_reduce = [](const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                    ncclComm_t comm, cudaStream_t stream) {
    return note(comm->rank, "all_reduce",
                values(comm, from, to, count, type, stream) + sum_text(op));
  };
  l.reduce_scatter = [](const void* from, void* to, size_t count, ncclDataType_t type,
                        ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
    return note(comm->rank, "reduce_scatter",
                values(comm, from, to, count, type, stream) + sum_text(op));
  };
  l.all_gather = [](const void* from, void* to, size_t count, ncclDataType_t type, ncclComm_t comm,
                    cudaStream_t stream) {
    return note(comm->rank, "all_gather", values(comm, from, to, count, type, stream));
  };
  l.broadcast = [](const void* from, void* to, size_t count, ncclDataType_t type, int root,
                   ncclComm_t comm, cudaStream_t stream) {
    return note(comm->rank, "broadcast",
                cat(values(comm, from, to, count, type, stream), ", from rank ", root));
  };
  l.group_start = [] { return note(grouping_rank, "group_start", ""); };
  l.group_end = [] { return note(grouping_rank, "group_end", ""); };
  l.open_stream = [](int device) -> std::unique_ptr<nccl::Stream> {
    return std::make_unique<FakeStream>(device);
  };
  return l;
}

}  // namespace

RecordingLibrary::RecordingLibrary() : library_(recording()), scope_(library_) {
  state = new State;
}
RecordingLibrary::~RecordingLibrary() {
  delete state;
  state = nullptr;
}

std::vector<std::string> RecordingLibrary::calls(int rank) const {
  const std::lock_guard lock(state->mutex);
  return state->calls[rank];
}
void RecordingLibrary::set_origin(int rank, const void* origin) {
  const std::lock_guard lock(state->mutex);
  state->origins[rank] = static_cast<const char*>(origin);
}
void RecordingLibrary::refuse(const std::string& call, ncclResult_t result) {
  const std::lock_guard lock(state->mutex);
  state->refused[call] = result;
}
void RecordingLibrary::hang() {
  const std::lock_guard lock(state->mutex);
  state->hangs = true;
}

}  // namespace sf::test
