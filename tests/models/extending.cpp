// The network of docs/extending.md, compiled from that page, is built, planned and run.
#include <gtest/gtest.h>

#include "autograd/plan/plan.h"
#include "autograd/rewrite/rewrite.h"
#include "extending_example.h"
#include "models/model.h"
#include "models/weights.h"

namespace sf {
namespace {

TEST(Extending, TheDocumentedNetworkRuns) {
  Config config;
  config.set("MODEL.MODEL_NAME", "TwoLayers");
  config.set("MODEL.NUM_CLASSES", "5");
  config.set("DATA.NUM_FRAMES", "4");
  config.set("DATA.TRAIN_CROP_SIZE", "16");
  const auto model = make_model(config);
  fill_counter_weights(*model);
  EXPECT_EQ(model->parameters()[0].name, "first.weight");

  Graph graph;
  const Value clip = graph.input("clip", model->inputs(2, 16)[0]);
  const Value scores = model->forward({clip});
  EXPECT_EQ(scores.shape(), (Shape{2, 5}));
  const Tensor x = Tensor::from(counter_uniform("clip", clip.shape().numel(), -1, 1), clip.shape());
  Rewritten r = rewrite_for_inference(graph, std::vector{scores.id()});
  const Tensor out = evaluate(r[scores], {{r[clip], x}});
  const auto values = out.span<float>();
  for (size_t n = 0; n < 2; ++n) {
    float sum = 0;
    for (size_t c = 0; c < 5; ++c) sum += values[n * 5 + c];
    EXPECT_NEAR(sum, 1, 1e-6);  // a softmax of five, some roundings of 6e-8
  }
}

TEST(Registry, ANetworkWithoutADetectionHeadIsNamed) {
  Config config;
  config.set("MODEL.MODEL_NAME", "TwoLayers");
  config.set("DETECTION.ENABLE", "True");
  try {
    make_model(config);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "DETECTION.ENABLE: wanted False, found True: MODEL.MODEL_NAME TwoLayers has no "
                 "detection head");
  }
}

TEST(Registry, AnUnknownNameListsTheKnownOnes) {
  Config config;
  config.set("MODEL.MODEL_NAME", "MViT");
  try {
    make_model(config);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find(
                  "MODEL.MODEL_NAME: 'MViT' is not built in; available: ResNet, SlowFast"),
              0u)
        << e.what();
  }
}

}  // namespace
}  // namespace sf
