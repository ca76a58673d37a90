// Sums over ranks of many tensors, gathered into few arrays.
#pragma once

#include <memory>
#include <vector>

#include "autograd/graph.h"
#include "dist/reduction_queue.h"

namespace sf {

// Adds a node that starts the sum of a bucket as soon as enough tensors for it were added, and
// nodes that wait for the sums once all are there: what runs in between runs while they are added
// up. Where a plan can, it makes the tensors in their bucket and nothing is copied.
//
// The graphs of all ranks have the same buckets and run together; a run throws what the queue
// throws. On a CUDA device the queue's group takes its memory, and waits for a bucket's tensors
// while the host goes on. What lies between the tensors of a bucket is added up too: it is
// undefined and nobody reads it.
class BucketedSum {
 public:
  // bytes: that a bucket has at least, but for the last.
  BucketedSum(std::shared_ptr<ReductionQueue> queue, int64_t bytes);

  // x: f32 or f64. In the order in which the graph makes them.
  void add(Value x);
  // The sums over the ranks of all x, in that order.
  std::vector<Value> finish();

 private:
  struct Bucket {
    std::vector<Value> in;
    Value sum;                        // once started
    std::shared_ptr<int64_t> number;  // in the queue, set by the run
    std::vector<int64_t> places;
  };
  void start();

  std::shared_ptr<ReductionQueue> queue_;
  int64_t bytes_, gathered_ = 0;
  std::vector<Bucket> buckets_;
  Bucket open_;
};

}  // namespace sf
