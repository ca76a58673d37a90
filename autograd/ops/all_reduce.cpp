#include "autograd/ops/all_reduce.h"

#include "autograd/ops/packed_copy.h"
#include "dist/process_group.h"
#include "kernels/base/cuda/runtime.h"

namespace sf {
namespace {

class AllReduceOp : public Op {
 public:
  explicit AllReduceOp(std::shared_ptr<ProcessGroup> group) : group_(std::move(group)) {}
  std::string_view name() const override { return "all_reduce"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_summable(in[0].dtype);
    return {in[0]};
  }
  std::optional<int> reuses_input() const override { return 0; }

  Lowered lower(const OpSite& site) const override {
    const auto copies = packed_copies(site.in, site.out[0], {0}, site.backend);
    Lowered lowered;
    const bool alone = group_->size() == 1;
    lowered.kernel = alone ? "one_rank" : "process_group";
    lowered.launches = int(copies.size());
    lowered.on_host = !alone;
    lowered.run = [copies, group = group_](const Binding& b, Queue device) {
      const TensorRef& y = b.out[0];
      for (const PackedCopy& c : copies) run(c, b.in[0].data, y.data, device);
      if (group->size() == 1) return;
      cuda::synchronize(device);
      group->all_reduce({y.data, y.type.shape.numel(), y.type.dtype});
    };
    return lowered;
  }

 private:
  std::shared_ptr<ProcessGroup> group_;
};

}  // namespace

Value all_reduce(Value x, std::shared_ptr<ProcessGroup> group) {
  return x.graph().apply1(std::make_shared<AllReduceOp>(std::move(group)), {x});
}

}  // namespace sf
