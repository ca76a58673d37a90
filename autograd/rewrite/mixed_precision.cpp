#include <map>
#include <set>

#include "autograd/ops/cast.h"
#include "autograd/rewrite/rewrite.h"

namespace sf {
namespace {

class MixedPrecision {
 public:
  MixedPrecision(const Graph& graph, std::span<const int> keep, DType half)
      : rebuild_(graph, keep), kept_(keep.begin(), keep.end()), half_(half) {}

  Rewritten run() {
    return rebuild_.run([&](const Graph::Node& node) {
      place(node);
      return true;
    });
  }

 private:
  // Adds the node with its inputs cast to the types that it wants.
  void place(const Graph::Node& node) {
    const bool half = runs_in_half(node);
    std::vector<Value> in;
    for (size_t i = 0; i < node.in.size(); ++i) {
      const Value now = rebuild_.moved(node.in[i]);
      const bool real = rebuild_.from().info(node.in[i]).type.dtype == DType::f32;
      in.push_back(real ? as(now, half && node.op->may_be_half(i) ? half_ : DType::f32, node.name)
                        : now);
    }
    Graph::Scope scope(rebuild_.to(), node.name);
    const auto out = rebuild_.to().apply(node.op, in);
    for (size_t i = 0; i < out.size(); ++i)
      rebuild_.replace(node.out[i], kept_.contains(node.out[i]) && out[i].type().dtype == half_
                                        ? as(out[i], DType::f32, node.name)
                                        : out[i]);
  }

  bool runs_in_half(const Graph::Node& node) {
    switch (node.op->precision()) {
      case Precision::single: return false;
      case Precision::half: return true;
      case Precision::given: break;
    }
    bool any = false;
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (!node.op->may_be_half(i)) continue;
      const Value now = rebuild_.moved(node.in[i]);
      if (now.type().dtype != half_ && !widened_.contains(now.id())) return false;
      any = true;
    }
    return any;
  }

  // Each value is cast once, and what was cast up is not cast down again.
  Value as(Value v, DType dtype, const std::string& reader) {
    if (v.type().dtype == dtype) return v;
    const auto [found, is_new] = casts_.try_emplace(v.id());
    if (!is_new) return found->second;
    Graph::Scope scope(rebuild_.to(), reader);
    Graph::Scope inner(rebuild_.to(), "cast");
    found->second = cast(v, dtype);
    const Value result = found->second;
    if (dtype == DType::f32) {
      widened_.insert(result.id());
      casts_[result.id()] = v;
    }
    return result;
  }

  Rebuilder rebuild_;
  std::set<int> kept_;
  DType half_;
  std::map<int, Value> casts_;  // by value of the new graph: the same in the other type
  std::set<int> widened_;       // float32 values that were half before
};

}  // namespace

Rewritten mixed_precision(const Graph& graph, std::span<const int> keep, DType half) {
  SF_CHECK(is_half(half), "mixed precision: wanted bf16 or f16, found ", half);
  return MixedPrecision(graph, keep, half).run();
}

}  // namespace sf
