// The ranks that train one network together, and how they exchange numbers.
#pragma once

#include <cstdint>
#include <memory>
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

  // The values of every rank become the sums over all ranks: f32, f64, i64. They are added in
  // double or 64-bit integers, rank after rank from 0, and rounded once, so that every rank and
  // every run has the same bits.
  virtual void all_reduce(Elements values) = 0;
  // `values` has size() parts of one length, of any type. Part r becomes what rank r had there.
  virtual void all_gather(Elements values) = 0;
  // The values of every rank become those of rank `root`, of any type.
  virtual void broadcast(Elements values, int root) = 0;
  // Returns when all ranks have called it.
  virtual void barrier() = 0;
  // Cuts the ranks into groups of `size` consecutive ones and returns this rank's. Throws where
  // `size` does not divide this group's.
  virtual std::shared_ptr<ProcessGroup> consecutive(int size) = 0;
  // This rank gives up: every operation, also one that waits now, throws Error with the reason on
  // every rank, in this group and in all that were cut from the same ranks. Any thread.
  virtual void fail(const std::string& /*reason*/) {}
};

// Throws unless all_reduce adds values of this type.
void check_summable(DType dtype);
// Throws unless `part` divides `whole`, naming what the parts are.
void check_divides(int64_t whole, int64_t part, const char* parts);

}  // namespace sf
