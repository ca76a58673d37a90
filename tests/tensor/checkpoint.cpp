#include "tensor/checkpoint.h"

#include <gtest/gtest.h>

#include "tensor/safetensors.h"
#include "tests/tensor/counter_values.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

TEST(Checkpoint, TheFormatIsToldByContentAndNotByName) {
  const TemporaryFolder folder;
  const auto path =
      folder / "checkpoint.pkl";  // what some published files are called, whatever is in them
  std::filesystem::copy_file(golden("slow_r50/checkpoint.pyth"), path);
  const Checkpoint zip = load_checkpoint(path);
  EXPECT_EQ(zip.format, "PyTorch zip");
  save_checkpoint(folder / "a.sf", zip);
  std::filesystem::rename(folder / "a.sf", path);
  EXPECT_EQ(load_checkpoint(path).format, "sf 1.0");
  save_checkpoint(folder / "a.safetensors", zip);
  std::filesystem::rename(folder / "a.safetensors", path);
  EXPECT_EQ(load_checkpoint(path).format, "safetensors");
}

TEST(Checkpoint, ConvertedFilesHoldTheSameTensors) {
  const TemporaryFolder folder;
  const Checkpoint original = load_checkpoint(golden("slow_r50/checkpoint_legacy.pyth"));
  for (const char* name : {"a.sf", "a.safetensors"}) {
    save_checkpoint(folder / name, original);
    const Checkpoint copy = load_checkpoint(folder / name);
    EXPECT_EQ(copy.epoch, 7);
    EXPECT_EQ(copy.text, original.text);
    ASSERT_EQ(copy.tensors.size(), original.tensors.size());
    for (const auto& [key, tensor] : copy.tensors) expect_counter_values(key, tensor);
  }
}

TEST(Checkpoint, StoredTensorsHaveTheTypeThatTheyAreLoadedWith) {
  for (const char* name : {"slow_r50/checkpoint.pyth", "slow_r50/checkpoint_legacy.pyth",
                           "slow_r50/checkpoint_caffe2_py3.pkl"}) {
    const StoredCheckpoint file = open_checkpoint(golden(name));
    ASSERT_FALSE(file.tensors.empty());
    for (const StoredTensor& tensor : file.tensors) {
      const Tensor loaded = tensor.load();
      EXPECT_EQ(loaded.type(), tensor.type) << name << " " << tensor.name;
      expect_counter_values(tensor.name, loaded);
    }
  }
}

TEST(Checkpoint, ATensorThatCannotBeLoadedLeavesNoCopy) {
  const TemporaryFolder folder;
  save_checkpoint(folder / "a.sf", {.format = {},
                                    .tensors = {{"a", Tensor::from<uint8_t>({1, 2, 3}, {3})}},
                                    .optimizer = {},
                                    .epoch = {},
                                    .text = {}});
  std::string bytes = read_bytes(folder / "a.sf");
  bytes.back() ^= 1;
  write_bytes(folder / "a.sf", bytes);
  const StoredCheckpoint file = open_checkpoint(folder / "a.sf");
  for (const char* name : {"b.sf", "b.safetensors"}) {
    const std::string error = error_of([&] { save_stored_checkpoint(folder / name, file); });
    EXPECT_NE(error.find("a.sf: tensor a: CRC-32C wanted 0x"), std::string::npos) << error;
    EXPECT_FALSE(std::filesystem::exists(folder / name));
  }
}

TEST(Checkpoint, SafetensorsAreWrittenInPyTorchsOrder) {
  const TemporaryFolder folder;
  Checkpoint checkpoint;
  std::vector<float> values{0, 1, 2, 3, 4, 5};  // O T H W I: two pixels of three channels
  checkpoint.tensors = {{"w", Tensor::from(values, {1, 1, 1, 2, 3})}};
  checkpoint.optimizer = {{"momentum/w", Tensor::from(values, {1, 1, 1, 2, 3})}};
  save_checkpoint(folder / "a.safetensors", checkpoint);
  const Safetensors file = read_safetensors(folder / "a.safetensors");
  for (const char* name : {"w", "optimizer/momentum/w"}) {
    EXPECT_EQ(file.at(name).shape(), (Shape{1, 3, 1, 1, 2}));
    const auto found = file.at(name).span<float>();
    EXPECT_EQ(std::vector<float>(found.begin(), found.end()),
              (std::vector<float>{0, 3, 1, 4, 2, 5}));
  }
  const Checkpoint read = load_checkpoint(folder / "a.safetensors");
  EXPECT_EQ(read.tensors[0].second.shape(), (Shape{1, 1, 1, 2, 3}));
  EXPECT_EQ(read.optimizer[0].first, "momentum/w");
}

TEST(Checkpoint, HalvesBecomeFloatsOnRequest) {
  const TemporaryFolder folder;
  Checkpoint checkpoint;
  checkpoint.tensors = {{"h", Tensor::zeros({Shape{2}, DType::f16})},
                        {"i", Tensor::from<int64_t>({3}, {})}};
  save_checkpoint(folder / "a.sf", checkpoint);
  EXPECT_EQ(load_checkpoint(folder / "a.sf").tensors[0].second.dtype(), DType::f16);
  const Checkpoint read = load_checkpoint(folder / "a.sf", {.halves_as_f32 = true});
  EXPECT_EQ(read.tensors[0].second.dtype(), DType::f32);
  EXPECT_EQ(read.tensors[1].second.dtype(), DType::i64);
}

TEST(Checkpoint, OtherContentIsRefusedWithWhatItIs) {
  const TemporaryFolder folder;
  const auto path = folder / "file.sf";
  const auto refusal = [&](std::string_view bytes) {
    write_bytes(path, bytes);
    return error_of([&] { load_checkpoint(path); });
  };
  const std::string wanted =
      path.string() + ": wanted an .sf, safetensors, PyTorch or Caffe2 checkpoint, found ";
  EXPECT_EQ(refusal("#!/bin/sh\nexit 1\n"),
            wanted + "a file that begins with '#!/bin/sh\\x0aexit 1'");
  EXPECT_EQ(refusal("\x7F"
                    "ELF"),
            wanted + "a file that begins with '\\x7fELF'");
  EXPECT_EQ(refusal(""), wanted + "an empty file");
}

TEST(Checkpoint, OtherEndingsAreNotWritten) {
  const TemporaryFolder folder;
  const auto path = folder / "a.pyth";
  EXPECT_EQ(error_of([&] { save_checkpoint(path, {}); }),
            path.string() + ": wanted a name that ends in .sf or .safetensors");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Checkpoint, ReservedNamesAreNotWrittenAsSafetensors) {
  const TemporaryFolder folder;
  Checkpoint checkpoint;
  checkpoint.tensors = {{"optimizer/a", Tensor::from<uint8_t>({1}, {1})}};
  EXPECT_NE(error_of([&] {
              save_checkpoint(folder / "a.safetensors", checkpoint);
            }).find("are kept for the optimizer"),
            std::string::npos);
}

}  // namespace
}  // namespace sf
