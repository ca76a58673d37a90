#include "autograd/ops/roi_align.h"

#include "autograd/ops/lower.h"
#include "kernels/base/element.h"
#include "kernels/roi_align/backward.h"
#include "kernels/roi_align/box_features.h"
#include "kernels/roi_align/roi.h"

namespace sf {
namespace {

RoiAlignProblem problem_of(const RoiAlignParams& params, const OpSite::Port& x,
                           const OpSite::Port& y) {
  const Shape& in = x.type.shape;
  return {.dtype = x.type.dtype,
          .n = int(in[0]),
          .h = int(in[2]),
          .w = int(in[3]),
          .c = int(in[4]),
          .boxes = int(y.type.shape[0]),
          .bins = params.resolution,
          .samples = params.samples,
          .spatial_scale = params.spatial_scale,
          .aligned = params.aligned,
          .x_pitch = x.pitch,
          .y_pitch = y.pitch};
}

// Boxes have no channels to put a pitch between.
bool boxes_dense(const OpSite& site) { return site.in[1].pitch == kRoiValues; }

// in: x, boxes.
void check_boxes(std::string_view op, const RoiAlignParams& params,
                 std::span<const TensorType> in) {
  const Shape& boxes = in[1].shape;
  SF_CHECK(boxes.rank() == 2 && boxes[0] > 0 && boxes[1] == kRoiValues, op, ": wants boxes K ",
           kRoiValues, ", found ", boxes);
  SF_CHECK(in[1].dtype == arithmetic_of(in[0].dtype), op, ": wants boxes of ",
           arithmetic_of(in[0].dtype), " for x of ", in[0].dtype, ", found ", in[1].dtype);
  SF_CHECK(params.resolution > 0 && params.samples >= 0 && params.spatial_scale > 0, op,
           ": wants a resolution and a scale above 0 and no negative number of samples, found ",
           params.resolution, ", ", params.spatial_scale, " and ", params.samples);
}

class RoiAlignBackwardOp : public Op {  // inputs: dy, boxes
 public:
  RoiAlignBackwardOp(const RoiAlignParams& params, const TensorType& x) : params_(params), x_(x) {}
  std::string_view name() const override { return "roi_align_backward"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {x_}; }
  bool takes_pitch(const OpSite& site) const override { return boxes_dense(site); }

  Lowered lower(const OpSite& site) const override {
    const auto p = problem_of(params_, site.out[0], site.in[0]);
    const auto args = [](const Binding& b) {
      return RoiAlignBackwardArgs{.dy = b.in[0].data, .boxes = b.in[1].data, .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(roi_align_backward_kernels(site.backend), p, name()), p, site,
                        args);
  }

 private:
  RoiAlignParams params_;
  TensorType x_;
};

class RoiAlignOp : public Op {  // inputs: x, boxes
 public:
  explicit RoiAlignOp(const RoiAlignParams& params) : params_(params) {}
  std::string_view name() const override { return "roi_align"; }
  Precision precision() const override { return Precision::given; }
  bool may_be_half(size_t input) const override { return input == 0; }
  bool takes_pitch(const OpSite& site) const override { return boxes_dense(site); }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.rank() == 5 && x[1] == 1 && x[2] > 0 && x[3] > 0, name(),
             ": wants x N 1 H W C with positions, found ", x);
    check_boxes(name(), params_, in);
    return {{{in[1].shape[0], 1, params_.resolution, params_.resolution, x[4]}, in[0].dtype}};
  }

  std::vector<Value> grad(const GradSite& site) const override {
    const TensorType& x = site.in[0].type();
    Graph& graph = site.in[0].graph();
    return {graph.apply1(std::make_shared<RoiAlignBackwardOp>(params_, x),
                         {site.out_grad[0], site.in[1]}),
            {}};
  }

  Lowered lower(const OpSite& site) const override {
    const auto p = problem_of(params_, site.in[0], site.out[0]);
    const auto args = [](const Binding& b) {
      return RoiAlignArgs{.x = b.in[0].data, .boxes = b.in[1].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(roi_align_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  RoiAlignParams params_;
};

class BoxFeaturesOp : public Op {  // inputs: x, boxes
 public:
  explicit BoxFeaturesOp(const RoiAlignParams& params) : params_(params) {}
  std::string_view name() const override { return "box_features"; }
  Precision precision() const override { return Precision::given; }
  bool may_be_half(size_t input) const override { return input == 0; }
  bool takes_pitch(const OpSite& site) const override { return boxes_dense(site); }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.rank() == 5 && x[1] > 0 && x[2] > 0 && x[3] > 0, name(),
             ": wants x N T H W C with positions, found ", x);
    check_boxes(name(), params_, in);
    return {{{in[1].shape[0], 1, 1, 1, x[4]}, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    const BoxFeaturesProblem p{.roi = problem_of(params_, site.in[0], site.out[0]),
                               .t = int(site.in[0].type.shape[1])};
    const auto args = [](const Binding& b) {
      return BoxFeaturesArgs{.x = b.in[0].data, .boxes = b.in[1].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(box_features_kernels(site.backend), p, name()), p, site, args);
  }

 private:
  RoiAlignParams params_;
};

}  // namespace

Value box_features(Value x, Value boxes, const RoiAlignParams& params) {
  return x.graph().apply1(std::make_shared<BoxFeaturesOp>(params), {x, boxes});
}

Value roi_align(Value x, Value boxes, const RoiAlignParams& params) {
  return x.graph().apply1(std::make_shared<RoiAlignOp>(params), {x, boxes});
}

}  // namespace sf
