// From checkpoints of every format to the scores that the original gave with their weights.
#include <cstdlib>

#include <gtest/gtest.h>

#include "models/weights.h"
#include "tensor/checkpoint.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

// The network of a case with the weights of a file, which are all that it has and no more.
std::unique_ptr<Model> loaded(const SmallCase& golden, const Checkpoint& checkpoint) {
  auto model = make_model(golden.config);
  const LoadReport report = load_weights(*model, checkpoint.tensors);
  EXPECT_EQ(report.loaded.size(), model->parameters().size());
  EXPECT_TRUE(report.missing.empty() && report.mismatched.empty() && report.unused.empty())
      << report.lines().front();
  return model;
}

class GoldenCheckpoints : public testing::TestWithParam<const char*> {};

TEST_P(GoldenCheckpoints, GiveTheScoresOfTheOriginal) {
  const fs::path path = golden_dir() / GetParam();
  const SmallCase golden(path.parent_path().filename().string());
  expect_stored_scores(*loaded(golden, load_checkpoint(path)), golden);
}

INSTANTIATE_TEST_SUITE_P(EveryFormat, GoldenCheckpoints,
                         testing::Values("slow_r50/checkpoint.pyth",
                                         "slow_r50/checkpoint_legacy.pyth",
                                         "slow_r50/checkpoint_caffe2_py3.pkl",
                                         "i3d_nln_r50/checkpoint_caffe2.pkl"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name)
                             if (!std::isalnum(uint8_t(c))) c = '_';
                           return name;
                         });

// Weights behind three steps of training, told by their norms. The steps were computed in float64
// and stored as float32, which changes each value, and so the norm, by at most 6e-8 of it.
void expect_trained_norms(const Checkpoint& checkpoint, const SmallCase& golden) {
  size_t compared = 0;
  for (const char* kind : {"param", "buffer"}) {
    const auto names =
        nlohmann::json::parse(golden.file.metadata.at(cat("train.", kind, "_names")));
    const auto wanted = golden.file.at(cat("train.", kind, "_norms_after3")).span<double>();
    ASSERT_EQ(names.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i)
      for (const auto& [name, tensor] : checkpoint.tensors)
        if (name == names[i].get<std::string>()) {
          EXPECT_NEAR(norm(tensor), wanted[i], 1e-7 * wanted[i]) << name;
          ++compared;
        }
  }
  EXPECT_EQ(compared, make_model(golden.config)->parameters().size());
  // A momentum for each parameter that was trained.
  EXPECT_EQ(checkpoint.optimizer.size(),
            golden.file.at("train.param_norms_after3").span<double>().size());
}

// Every checkpoint of a folder small/CASE with reference.safetensors beside the checkpoints.
TEST(ReferenceCheckpoints, GiveTheScoresOfTheOriginal) {
  const char* folder = std::getenv("SF_REFERENCE_DIR");
  if (!folder || !*folder) GTEST_SKIP() << "SF_REFERENCE_DIR names no folder of reference data";
  int checked = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(folder) / "small")) {
    const fs::path& path = entry.path();
    const std::string name = path.filename().string();
    if (!name.starts_with("checkpoint")) continue;
    SCOPED_TRACE(path.string());
    const fs::path folder_of_case = path.parent_path();
    const SmallCase golden(folder_of_case.filename().string(),
                           folder_of_case / "reference.safetensors");
    const Checkpoint checkpoint = load_checkpoint(path);
    const auto model = loaded(golden, checkpoint);
    if (name.starts_with("checkpoint_after3"))
      expect_trained_norms(checkpoint, golden);
    else
      expect_stored_scores(*model, golden);
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace sf
