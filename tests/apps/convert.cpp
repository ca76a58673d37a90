// sf convert on checkpoints of every format.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include <gtest/gtest.h>

#include "models/weights.h"
#include "tensor/checkpoint.h"
#include "tests/apps/child_process.h"
#include "tests/apps/command_line.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

void expect_same(const NamedTensors& found, const NamedTensors& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  // Files keep different orders.
  std::map<std::string, Tensor> by_name(found.begin(), found.end());
  for (const auto& [name, tensor] : wanted) {
    const Tensor& other = by_name[name];
    ASSERT_TRUE(other) << name;
    ASSERT_EQ(other.type(), tensor.type()) << name;
    EXPECT_EQ(std::memcmp(other.data(), tensor.data(), size_t(tensor.type().bytes())), 0) << name;
  }
}

void expect_same(const Checkpoint& found, const Checkpoint& wanted) {
  expect_same(found.tensors, wanted.tensors);
  expect_same(found.optimizer, wanted.optimizer);
  EXPECT_EQ(found.epoch, wanted.epoch);
  EXPECT_EQ(found.text, wanted.text);
}

class Convert : public CommandLine {
 protected:
  std::string file(const std::string& name) const { return (folder / name).string(); }

  // The converted file as it is read again.
  Checkpoint converted(const std::string& from, const std::string& to) {
    const Outcome o = sf(cat("convert ", from, " ", to));
    EXPECT_EQ(o.status, 0) << o.err;
    EXPECT_TRUE(o.out.ends_with(" -> " + to + "\n")) << o.out;
    return load_checkpoint(to);
  }

  void expect_refusal(const std::string& arguments, std::string_view wanted) {
    const Outcome o = sf(arguments);
    EXPECT_EQ(o.status, 1) << arguments;
    EXPECT_TRUE(o.err.starts_with("sf: ")) << o.err;
    EXPECT_NE(o.err.find(wanted), std::string::npos) << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  }
};

TEST_F(Convert, KeepsEveryTensorOfEveryFormat) {
  for (const char* name :
       {"slow_r50/checkpoint.pyth", "slow_r50/checkpoint_legacy.pyth",
        "slow_r50/checkpoint_caffe2_py3.pkl", "i3d_nln_r50/checkpoint_caffe2.pkl"}) {
    SCOPED_TRACE(name);
    const std::string original = (golden_dir() / name).string();
    const Checkpoint wanted = load_checkpoint(original);
    ASSERT_FALSE(wanted.tensors.empty());
    const Checkpoint sf = converted(original, file("a.sf"));
    EXPECT_EQ(sf.format, "sf 1.0");
    expect_same(sf, wanted);
    const Checkpoint safetensors = converted(original, file("a.safetensors"));
    EXPECT_EQ(safetensors.format, "safetensors");
    expect_same(safetensors, wanted);
    expect_same(converted(file("a.safetensors"), file("b.sf")), wanted);
    expect_same(converted(file("a.sf"), file("b.safetensors")), wanted);
  }
}

TEST_F(Convert, ThroughANetworkTheParametersAreItsOwn) {
  const SmallCase golden("i3d_nln_r50");
  const std::string from = (golden_dir() / "i3d_nln_r50/checkpoint_caffe2.pkl").string();
  const std::string cfg = golden.arguments();
  const Outcome o = sf(cat("convert ", from, " ", file("a.sf"), cfg));
  ASSERT_EQ(o.status, 0) << o.err;
  NamedTensors wanted;
  const auto model = make_model(golden.config);
  fill_counter_weights(*model);
  for (const Parameter& p : model->parameters()) wanted.emplace_back(p.name, p.tensor);
  const Checkpoint found = load_checkpoint(file("a.sf"));
  expect_same(found.tensors, wanted);
  EXPECT_EQ(found.text.at("config"), golden.config.dump());
  // Another network wants other tensors: each is named, then one line says what is wrong.
  const Outcome other = sf(cat("convert ", from, " ", file("b.sf"), cfg, " RESNET.DEPTH 101"));
  EXPECT_EQ(other.status, 1);
  EXPECT_TRUE(other.err.ends_with(cat(
      "\nsf: ", from,
      ": wanted weights for all of the network, found 255 tensors missing or of another shape\n")))
      << other.err;
  EXPECT_FALSE(std::filesystem::exists(file("b.sf")));
}

// 24 tensors of 4 MiB, zeros that take no space on the disk.
void write_zeros(const std::string& path) {
  constexpr int kTensors = 24;
  constexpr int64_t kBytes = int64_t{4} << 20;
  std::string header;
  for (int i = 0; i < kTensors; ++i)
    header += cat(i == 0 ? "{" : ",", "\"t", i, "\":{\"dtype\":\"F32\",\"shape\":[512,512,1,2,2],",
                  "\"data_offsets\":[", i * kBytes, ",", (i + 1) * kBytes, "]}");
  header += "}";
  header.resize((header.size() + 63) / 64 * 64 + 56, ' ');
  const uint64_t length = header.size();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(&length), sizeof length)
      .write(header.data(), std::streamsize(length));
  std::filesystem::resize_file(path, sizeof length + length + kTensors * kBytes);
}

TEST_F(Convert, TakesMuchLessMemoryThanTheWeights) {
  setenv("ASAN_OPTIONS", "quarantine_size_mb=1", 0);
  write_zeros(file("a.safetensors"));
  const std::string arguments[] = {cat(file("a.safetensors"), " ", file("b.sf")),
                                   cat(file("b.sf"), " ", file("c.safetensors"))};
  for (const std::string& each : arguments) {
    EXPECT_EQ(child_status([&] {
                ASSERT_EQ(sf("convert " + each).status, 0);
                rusage usage{};
                getrusage(RUSAGE_CHILDREN, &usage);
                EXPECT_LT(usage.ru_maxrss, 72 * 1024) << each;
              }),
              0);
  }
}

TEST_F(Convert, WhatIsNoCheckpointLeavesNoFile) {
  std::ofstream(file("text.pyth")) << "no weights here\n";
  std::ofstream(file("system.pkl"), std::ios::binary) << "\x80\x02"
                                                         "cos\nsystem\nX\x04"
                                                      << std::string(3, '\0') << "true\x85R.";
  expect_refusal(cat("convert ", file("text.pyth"), " ", file("a.sf")),
                 "text.pyth: wanted an .sf, safetensors, PyTorch or Caffe2 checkpoint");
  expect_refusal(cat("convert ", file("system.pkl"), " ", file("a.sf")),
                 "system.pkl: pickle: refuses global os.system");
  expect_refusal(cat("convert ", file("none.pkl"), " ", file("a.sf")),
                 "none.pkl: could not be opened");
  const std::string sound = (golden_dir() / "slow_r50/checkpoint.pyth").string();
  expect_refusal(cat("convert ", sound, " ", file("a.pyth")), "ends in .sf or .safetensors");
  expect_refusal(cat("convert ", sound, " ", file("none/a.sf")), "could not create a file");
  for (const char* name : {"a.sf", "a.pyth"}) EXPECT_FALSE(std::filesystem::exists(file(name)));
}

}  // namespace
}  // namespace sf
