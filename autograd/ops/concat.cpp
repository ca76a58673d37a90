#include "autograd/ops/concat.h"

#include "autograd/ops/lower.h"
#include "kernels/concat/concat.h"

namespace sf {
namespace {

class ConcatOp : public Op {
 public:
  std::string_view name() const override { return "concat"; }
  bool inputs_live_in_output() const override { return true; }
  bool takes_pitch(const OpSite&) const override { return true; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    Shape joined = in[0].shape;
    for (const TensorType& next : in.subspan(1)) {
      Shape alike = next.shape;
      SF_CHECK(alike.rank() == joined.rank() && alike.rank() > 0 && next.dtype == in[0].dtype,
               "concat: ", in[0], " against ", next);
      alike.set(-1, joined[-1]);
      SF_CHECK(alike == joined, "concat: ", in[0], " against ", next);
      joined.set(-1, joined[-1] + next.shape[-1]);
    }
    return {{joined, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    struct Part {
      CopyProblem problem;
      size_t offset;
    };
    std::vector<Part> parts;
    size_t offset = 0;
    for (const auto& in : site.in) {
      parts.push_back({{.dtype = in.type.dtype,
                        .pixels = in.type.shape.pixels(),
                        .c = int(in.type.shape.channels()),
                        .x_pitch = in.pitch,
                        .y_pitch = site.out[0].pitch},
                       offset});
      offset += size_t(in.type.shape.channels()) * size_of(in.type.dtype);
    }
    const auto& kernel = best_kernel(copy_kernels(site.backend), parts[0].problem, name());
    Lowered lowered;
    lowered.kernel = "in_place_or_copy";
    lowered.run = [parts, &kernel](const Binding& b, Queue queue) {
      for (size_t i = 0; i < parts.size(); ++i) {
        std::byte* to = b.out[0].data + parts[i].offset;
        if (b.in[i].data == to) continue;
        kernel.run(parts[i].problem, {.x = b.in[i].data, .y = to}, nullptr, nullptr, queue);
      }
    };
    return lowered;
  }
};

}  // namespace

Value concat(const std::vector<Value>& values) {
  SF_CHECK(!values.empty(), "concat: wants at least one tensor");
  return values[0].graph().apply(std::make_shared<ConcatOp>(), values)[0];
}

}  // namespace sf
