#include "tensor/sf_file.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/crc32c.h"
#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

Checkpoint sample() {
  Checkpoint checkpoint;
  std::vector<float> weights(2 * 3 * 5);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = float(i) / 7;
  checkpoint.tensors = {{"s1.conv.weight", Tensor::from(weights, {2, 1, 3, 1, 5})},
                        {"s1.bn.num_batches_tracked", Tensor::from<int64_t>({41}, {})},
                        {"none", Tensor({Shape{0, 4}, DType::f32})},
                        {"bytes", Tensor::from<uint8_t>({1, 2, 3}, {3})},
                        {"half", Tensor::zeros({Shape{3}, DType::f16})}};
  checkpoint.optimizer = {{"momentum/s1.conv.weight", Tensor::from<double>({1e-300, -2}, {2})}};
  checkpoint.epoch = 7;
  checkpoint.text = {{"config", "MODEL:\n  ARCH: slow\n"}, {"rng", "\xC3\xA9 \"quoted\" \x01"}};
  return checkpoint;
}

void expect_same(const NamedTensors& wanted, const NamedTensors& found) {
  ASSERT_EQ(wanted.size(), found.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(wanted[i].first, found[i].first);
    ASSERT_EQ(wanted[i].second.type(), found[i].second.type());
    EXPECT_EQ(std::memcmp(wanted[i].second.data(), found[i].second.data(),
                          size_t(wanted[i].second.type().bytes())),
              0)
        << wanted[i].first;
  }
}

void set_u16(std::string& bytes, size_t at, uint16_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
void set_u32(std::string& bytes, size_t at, uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
void set_u64(std::string& bytes, size_t at, uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

uint32_t crc_of(std::string_view text) { return crc32c(std::as_bytes(std::span(text))); }

// Makes the header's own checksum right.
void seal(std::string& bytes) { set_u32(bytes, 60, crc_of(std::string_view(bytes).substr(0, 60))); }

// A file of version 1.0 with right checksums around any index.
std::string file_of(std::string_view index, std::string_view data = "") {
  std::string bytes("\x89SF\r\n\x1A\n\0", 8);
  bytes.resize(64, '\0');
  set_u16(bytes, 8, 1);
  set_u32(bytes, 12, crc_of(index));
  set_u64(bytes, 16, index.size());
  bytes += index;
  if (!data.empty()) bytes.resize((bytes.size() + 63) / 64 * 64, '\0');
  bytes += data;
  set_u64(bytes, 24, bytes.size());
  seal(bytes);
  return bytes;
}

class SfFile : public testing::Test {
 protected:
  std::string refusal_of(const std::string& bytes) {
    write_bytes(path_, bytes);
    return error_of([&] { load_checkpoint(path_); });
  }
  void expect_refusal(std::string_view wanted, const std::string& bytes) {
    const std::string error = refusal_of(bytes);
    EXPECT_NE(error.find(wanted), std::string::npos)
        << "wanted: " << wanted << "\nfound:  " << error;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "checkpoint.sf";
};

TEST_F(SfFile, WhatIsWrittenIsReadBack) {
  const Checkpoint written = sample();
  save_checkpoint(path_, written);
  const Checkpoint read = load_checkpoint(path_);
  EXPECT_EQ(read.format, "sf 1.0");
  EXPECT_EQ(read.epoch, written.epoch);
  EXPECT_EQ(read.text, written.text);
  expect_same(written.tensors, read.tensors);
  expect_same(written.optimizer, read.optimizer);
  for (const auto& [name, tensor] : read.tensors)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0u) << name;
}

TEST_F(SfFile, NothingAtAllIsACheckpointToo) {
  save_checkpoint(path_, {});
  const Checkpoint read = load_checkpoint(path_);
  EXPECT_TRUE(read.tensors.empty() && read.optimizer.empty() && read.text.empty());
  EXPECT_EQ(read.epoch, std::nullopt);
}

TEST_F(SfFile, SavingTwiceGivesTheSameBytes) {
  save_checkpoint(path_, sample());
  const std::string first = read_bytes(path_);
  save_checkpoint(path_, load_checkpoint(path_));  // over the file that the tensors are mapped from
  EXPECT_EQ(read_bytes(path_), first);
}

TEST_F(SfFile, EveryFlippedBitIsReported) {
  save_checkpoint(path_, sample());
  std::string bytes = read_bytes(path_);
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    char& byte = bytes[i / 8];
    byte = char(byte ^ (1 << i % 8));
    ASSERT_NE(refusal_of(bytes), "") << "bit " << i % 8 << " of byte " << i / 8;
    byte = char(byte ^ (1 << i % 8));
  }
  EXPECT_EQ(refusal_of(bytes), "");
}

TEST_F(SfFile, EveryTruncationIsReported) {
  save_checkpoint(path_, sample());
  const std::string bytes = read_bytes(path_);
  for (size_t length = 0; length < bytes.size(); ++length)
    ASSERT_NE(refusal_of(bytes.substr(0, length)), "") << length;
  expect_refusal(cat("wanted a file of ", bytes.size(), " bytes, found ", bytes.size() + 1),
                 bytes + '\0');
}

TEST_F(SfFile, AFlippedBitIsReportedByTensorName) {
  save_checkpoint(path_, sample());
  const std::string bytes = read_bytes(path_);
  const float third = 2.0f / 7;
  const size_t at = bytes.find(std::string_view(reinterpret_cast<const char*>(&third), 4));
  ASSERT_NE(at, std::string::npos);
  std::string damaged = bytes;
  damaged[at] = char(damaged[at] ^ 1);
  EXPECT_TRUE(refusal_of(damaged).starts_with(path_.string() +
                                              ": tensor s1.conv.weight: CRC-32C wanted 0x"))
      << refusal_of(damaged);
  damaged = bytes;
  damaged.back() = char(damaged.back() ^ 0x80);
  EXPECT_TRUE(refusal_of(damaged).starts_with(
      path_.string() + ": optimizer tensor momentum/s1.conv.weight: CRC-32C"))
      << refusal_of(damaged);
}

TEST_F(SfFile, ANewerMinorVersionIsReadAndANewerMajorOneRefused) {
  save_checkpoint(path_, sample());
  std::string bytes = read_bytes(path_);
  set_u16(bytes, 10, 9);
  seal(bytes);
  write_bytes(path_, bytes);
  EXPECT_EQ(load_checkpoint(path_).format, "sf 1.9");
  set_u16(bytes, 8, 2);
  seal(bytes);
  EXPECT_EQ(refusal_of(bytes), path_.string() + ": wanted format version 1.x, found 2.9");
}

TEST_F(SfFile, UnknownKeysOfTheIndexAreIgnored) {
  write_bytes(
      path_,
      file_of(R"({"layout":"channels_last","later":[1],"optimizer":[],"tensors":[],"text":{}})"));
  EXPECT_TRUE(load_checkpoint(path_).tensors.empty());
}

TEST_F(SfFile, AnIndexThatLiesIsRefused) {
  const auto with = [](std::string_view rows, std::string_view data = "1234") {
    return file_of(
        cat(R"({"layout":"channels_last","optimizer":[],"text":{},"tensors":[)", rows, "]}"), data);
  };
  const auto row = [](std::string_view name, std::string_view dtype, std::string_view shape,
                      std::string_view offset, std::string_view bytes, uint32_t crc) {
    return cat(R"({"name":")", name, R"(","dtype":")", dtype, R"(","shape":)", shape,
               R"(,"offset":)", offset, R"(,"bytes":)", bytes, R"(,"crc32c":)", crc, "}");
  };
  const uint32_t crc = crc_of("1234");
  EXPECT_EQ(refusal_of(with(row("a", "u8", "[4]", "0", "4", crc))), "");
  expect_refusal("tensor a: wanted offset 0, found 64",
                 with(row("a", "u8", "[4]", "64", "4", crc)));
  expect_refusal(
      "tensor b: wanted offset 64, found 0",
      with(row("a", "u8", "[4]", "0", "4", crc) + "," + row("b", "u8", "[4]", "0", "4", crc)));
  expect_refusal("tensor a: wanted offset 0, found", with(row("a", "u8", "[4]", "-64", "4", crc)));
  expect_refusal("tensor a: found twice", with(row("a", "u8", "[4]", "0", "4", crc) + "," +
                                               row("a", "u8", "[4]", "64", "4", crc)));
  expect_refusal("tensor a: wanted the bytes of f32[4], found 4",
                 with(row("a", "f32", "[4]", "0", "4", crc)));
  expect_refusal("tensor a: wanted 1099511627776 bytes at byte",
                 with(row("a", "u8", "[1099511627776]", "0", "1099511627776", crc)));
  expect_refusal("tensor a: shape: more than 2^62",
                 with(row("a", "u8", "[4294967296,4294967296]", "0", "0", crc)));
  expect_refusal("tensor a: wanted extents of 0 or more, found -4",
                 with(row("a", "u8", "[-4]", "0", "4", crc)));
  expect_refusal("tensor a: dtype: wanted one of", with(row("a", "i16", "[2]", "0", "4", crc)));
  expect_refusal("tensor ?: wanted 'name', found none", with("{}"));
  expect_refusal("tensor ?: wanted an object, found number", with("1"));
  expect_refusal("4 bytes more", with(""));
  expect_refusal("index: wanted layout channels_last, found 'other'",
                 file_of(R"({"layout":"other"})"));
  expect_refusal("wanted 'layout', found none", file_of("{}"));
  expect_refusal("index: wanted an object, found array", file_of("[]"));
  expect_refusal("index: not JSON at byte", file_of("{"));
  expect_refusal("index: JSON is nested deeper than 16", file_of(std::string(1000000, '[')));
  expect_refusal("index: wanted a list 'tensors'",
                 file_of(R"({"layout":"channels_last","text":{}})"));
  expect_refusal("index: wanted text for 'k', found number",
                 file_of(R"({"layout":"channels_last","text":{"k":1}})"));
  std::string nonzero = with(row("a", "u8", "[4]", "0", "4", crc));
  nonzero[nonzero.size() - 5] = 'x';
  expect_refusal("tensor a: wanted zeros before the data", nonzero);
}

TEST_F(SfFile, AnIndexLengthBeyondTheFileIsRefused) {
  std::string bytes = file_of("{}");
  set_u64(bytes, 16, ~uint64_t{0});
  seal(bytes);
  expect_refusal("index claims 18446744073709551615 bytes, file has 66", bytes);
}

TEST_F(SfFile, WhatCannotBeReadBackIsNotWritten) {
  const Tensor one = Tensor::from<uint8_t>({1}, {1});
  const auto refusal = [&](const Checkpoint& checkpoint) {
    return error_of([&] { save_checkpoint(path_, checkpoint); });
  };
  Checkpoint checkpoint;
  checkpoint.tensors = {{"a", one}, {"a", one}};
  EXPECT_EQ(refusal(checkpoint), path_.string() + ": tensor 'a': wanted distinct names");
  checkpoint.tensors = {{"a", Tensor()}};
  EXPECT_EQ(refusal(checkpoint), path_.string() + ": tensor a: wanted host memory");
  checkpoint.tensors = {{"\xFF", one}};
  EXPECT_EQ(refusal(checkpoint), path_.string() + ": index: text that is not UTF-8");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace sf
