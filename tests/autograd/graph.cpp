#include "autograd/graph.h"

#include <gtest/gtest.h>

#include "autograd/ops/concat.h"
#include "autograd/ops/conv3d.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/pointwise.h"
#include "autograd/ops/pool3d.h"
#include "autograd/ops/reshape.h"

namespace sf {
namespace {

std::string message(const std::function<void()>& misuse) {
  try {
    misuse();
  } catch (const Error& e) { return e.what(); }
  return "no error";
}

TEST(Graph, ScopesNameNodesAndErrors) {
  Graph g;
  Value x = g.input("x", {{1, 2, 4, 4, 3}});
  Value w = g.input("w", {{8, 1, 1, 1, 4}});
  Graph::Scope outer(g, "s3");
  {
    Graph::Scope inner(g, "branch2.a");
    EXPECT_EQ(message([&] { conv3d(x, w, {}); }),
              "s3.branch2.a: conv3d: x has 3 channels but the weight expects 4");
  }
  EXPECT_EQ(g.info(relu(x).id()).name, "s3");
}

TEST(Graph, TheSameTensorIsTheSameValue) {
  Graph g;
  const Tensor t = Tensor::zeros({{3}});
  EXPECT_EQ(g.state(t, "a", false), g.state(t, "b", false));
  EXPECT_NE(g.state(t, "a", false), g.state(t.clone(), "a", false));
}

TEST(Graph, MisuseIsToldByWhatWasWantedAndFound) {
  Graph g, other;
  Value x = g.input("x", {{2, 2, 4, 4, 3}});
  Value y = g.input("y", {{2, 2, 4, 4, 5}});
  Value d = g.input("d", {{2, 2, 4, 4, 3}, DType::f64});
  Value stranger = other.input("x", {{2, 2, 4, 4, 3}});
  EXPECT_EQ(message([&] { add(x, y); }), "add: f32[2 2 4 4 3] against f32[2 2 4 4 5]");
  EXPECT_EQ(message([&] { concat({x, d}); }), "concat: f32[2 2 4 4 3] against f64[2 2 4 4 3]");
  EXPECT_EQ(message([&] { matmul(x, y, {.transpose_b = true}); }),
            "matmul: a has 3 columns but b 5 to meet them");
  EXPECT_EQ(message([&] { reshape(x, {5, 5}); }), "reshape: cannot turn [2 2 4 4 3] into [5 5]");
  EXPECT_EQ(message([&] {
              max_pool3d(x, {.kernel = {3, 1, 1}});
            }),
            "max_pool3d: the window of 3 does not fit in 2 + 2 * 0 positions");
  EXPECT_EQ(message([&] {
              linear(x, g.input("w", {{7, 4}}));
            }),
            "linear: x has 3 features but the weight expects 4");
  EXPECT_EQ(message([&] { add(x, stranger); }), "add: an input of add is not of this graph");
}

}  // namespace
}  // namespace sf
