// The ranks that train one network together, and how they exchange numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "kernels/base/dtype.h"

namespace sf {

// Elements of one type, one behind the other; not owned.
struct Elements {
  void* data = nullptr;
  int64_t count = 0;
  DType dtype = DType::f32;
};

// A group as one of its ranks sees it. All ranks call the same operations in the same order, with
// the same counts and types; each call returns when this rank has its result, which may be before
// others have theirs. Where they do not agree, or a rank has failed, every operation from then on
// throws Error on every rank instead of waiting for ever. One thread of a rank at a time.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  virtual int rank() const = 0;  // 0 .. size() - 1
  virtual int size() const = 0;

  // The values of every rank become the sums over all ranks: f32, f64, bf16, f16, i64. They are
  // added in pairs of halves of the ranks (rank_sum.h), by NCCL in its own order: every rank and
  // every run has the same bits.
  virtual void all_reduce(Elements values) = 0;
  // `values` has size() parts of one length. Part rank() becomes the sum over all ranks of what
  // they have there, as all_reduce adds; what becomes of the others is not said.
  virtual void reduce_scatter(Elements values) = 0;
  // `values` has size() parts, of counts[r] elements of any type. Part r becomes what rank r had
  // there.
  virtual void all_gather(Elements values, std::span<const int64_t> counts) = 0;
  // The same with parts of one length.
  void all_gather(Elements values);
  // The values of every rank become those of rank `root`, of any type.
  virtual void broadcast(Elements values, int root) = 0;
  // Returns when all ranks have called it.
  virtual void barrier() = 0;
  // The same behind work whose length differs from rank to rank: however long the others take, only
  // one that is gone or silent ends the wait.
  virtual void await_all() { barrier(); }
  // Cuts the ranks into groups of `size` consecutive ones and returns this rank's. Throws where
  // `size` does not divide this group's. Operations of the new group and of this one may run at
  // the same time, on a thread each.
  virtual std::shared_ptr<ProcessGroup> consecutive(int size) = 0;
  // This rank gives up: every operation, also one that waits now, throws Error with the reason on
  // every rank, in this group and in all that were cut from the same ranks. Any thread.
  virtual void fail(const std::string& /*reason*/) {}
  // The same ranks, for values in the memory of this rank's CUDA device: they are complete when an
  // operation is called, and its result is there when it returns. Throws where this kind of group
  // has none.
  virtual std::shared_ptr<ProcessGroup> on_device(int device);
};

// An operation in a message: "all_reduce of 1024 f32 values".
std::string text_of(const char* operation, Elements values);

// What implementations check alike. Each throws Error unless
void check_summable(DType dtype);                                    // all_reduce adds this type
void check_root(int root, int ranks);                                // there is such a rank
void check_divides(int64_t whole, int64_t part, const char* parts);  // `part` divides `whole`
void check_parts(int64_t count, std::span<const int64_t> counts, int ranks);  // a part a rank

}  // namespace sf
