#include "autograd/ops/all_reduce.h"

#include <cstring>

#include "dist/process_group.h"

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
    if (site.backend != Backend::cpu) throw NoKernel("all_reduce: wanted values on the CPU");
    Lowered lowered;
    lowered.kernel = group_->size() == 1 ? "one_rank" : "process_group";
    lowered.run = [group = group_](const Binding& b, Queue) {
      const TensorRef &x = b.in[0], &y = b.out[0];
      if (y.data != x.data) std::memcpy(y.data, x.data, size_t(x.type.bytes()));
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
