#include "autograd/graph.h"

namespace sf {

std::vector<Value> Op::grad(const GradSite&) const {
  throw Error(cat(name(), ": has no gradient"));
}

Value Graph::add(ValueInfo info) {
  values_.push_back(std::move(info));
  return {this, int(values_.size()) - 1};
}

Value Graph::input(std::string name, TensorType type) {
  return add({type, std::move(name), -1, {}, false});
}

Value Graph::state(const Tensor& tensor, std::string name, bool variable) {
  SF_CHECK(tensor, "graph: state '", name, "' has no memory");
  if (auto known = states_.find(tensor.data()); known != states_.end())
    return {this, known->second};
  Value v = add({tensor.type(), std::move(name), -1, tensor, variable || training_});
  states_[tensor.data()] = v.id();
  return v;
}

void Graph::move_states_to(Device device) const {
  for (const ValueInfo& info : values_)
    if (info.state) info.state.move_to(device);
}

std::vector<Value> Graph::apply(std::shared_ptr<const Op> op, std::span<const Value> in) {
  const std::string name = scope_.empty() ? std::string(op->name()) : scope_;
  Node node{std::move(op), {}, {}, name};
  std::vector<TensorType> types;
  for (const Value& v : in) {
    SF_CHECK(v && &v.graph() == this, name, ": an input of ", node.op->name(),
             " is not of this graph");
    node.in.push_back(v.id());
    types.push_back(v.type());
  }
  std::vector<TensorType> out_types;
  try {
    out_types = node.op->infer(types);
  } catch (const Error& e) {
    if (scope_.empty()) throw;
    throw Error(cat(name, ": ", e.what()));
  }
  std::vector<Value> out;
  for (const TensorType& type : out_types) {
    out.push_back(add({type, name, int(nodes_.size()), {}, false}));
    node.out.push_back(out.back().id());
  }
  nodes_.push_back(std::move(node));
  return out;
}

void Graph::mark(std::string name, Value value) { marks_[std::move(name)] = value.id(); }

Graph::Scope::Scope(Graph& graph, std::string_view name)
    : graph_(graph), outer_length_(graph.scope_.size()) {
  if (outer_length_ > 0) graph_.scope_ += '.';
  graph_.scope_ += name;
}

}  // namespace sf
