#include "tensor/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/tensor/outside_files.h"

namespace sf {
namespace {

std::string safetensors_of(std::string_view header, std::string_view data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += char(uint64_t(header.size()) >> (8 * i));
  return out.append(header).append(data);
}

std::string refusal_of(std::string_view header, std::string_view data = "") {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write_bytes(path, safetensors_of(header, data));
  return error_of([&] { read_safetensors(path); });
}

void expect_refused_header(std::string_view wanted, std::string_view header,
                           std::string_view data = "") {
  const std::string error = refusal_of(header, data);
  EXPECT_NE(error.find(wanted), std::string::npos) << "wanted: " << wanted << "\nfound:  " << error;
  EXPECT_NE(error.find("x.safetensors"), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  const auto path = folder / "all.safetensors";
  const NamedTensors written{
      {"weights", Tensor::from<float>({1.5f, -2, std::numeric_limits<float>::infinity()}, {3})},
      {"double", Tensor::from<double>({1e300}, {1, 1})},
      {"bytes", Tensor::from<uint8_t>({1, 2, 3, 4, 5}, {5})},
      {"ints", Tensor::from<int32_t>({-7, 8}, {2})},
      {"count", Tensor::from<int64_t>({int64_t{1} << 60}, {})},
      {"empty", Tensor({Shape{0, 3}, DType::f32})},
      {"half", Tensor::zeros({Shape{3}, DType::f16})},
      {"brain", Tensor::zeros({Shape{1}, DType::bf16})},
  };
  const std::map<std::string, std::string> metadata{{"format", "pt"},
                                                    {"note", "a \"quote\"\nand a line"}};
  write_safetensors(path, written, metadata);
  const Safetensors read = read_safetensors(path);
  EXPECT_EQ(read.metadata, metadata);
  ASSERT_EQ(read.tensors.size(), written.size());
  for (const auto& [name, tensor] : written) {
    const Tensor& found = read.at(name);
    EXPECT_EQ(found.type(), tensor.type()) << name;
    EXPECT_EQ(std::memcmp(found.data(), tensor.data(), size_t(tensor.type().bytes())), 0) << name;
  }
  EXPECT_TRUE(read.contains("half"));
  EXPECT_FALSE(read.contains("third"));
  EXPECT_NE(error_of([&] { read.at("third"); }).find("third"), std::string::npos);
}

TEST(Safetensors, TensorsAreAlignedAndMayBeWrittenWithoutTouchingTheFile) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write_safetensors(path, {{"a", Tensor::from<uint8_t>({1, 2, 3}, {3})},
                           {"b", Tensor::from<float>({4, 5}, {2})}});
  const std::string before = read_bytes(path);
  for (const auto& [name, tensor] : read_safetensors(path).tensors) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0u) << name;
    std::memset(tensor.data(), 9, size_t(tensor.type().bytes()));
  }
  EXPECT_EQ(read_bytes(path), before);
}

TEST(Safetensors, HalvesBecomeFloatsOnRequest) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  // f16: 1, -2, 65504, 2^-24 (the smallest subnormal), -0, inf, NaN.
  const std::vector<uint16_t> f16{0x3C00, 0xC000, 0x7BFF, 0x0001, 0x8000, 0x7C00, 0x7E00};
  const std::vector<uint16_t> bf16{0x3F80, 0xC040};  // 1, -3
  std::string data(reinterpret_cast<const char*>(f16.data()), 14);
  data.append(reinterpret_cast<const char*>(bf16.data()), 4);
  write_bytes(path, safetensors_of(R"({"h":{"dtype":"F16","shape":[7],"data_offsets":[0,14]},)"
                                   R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[14,18]}})",
                                   data));
  EXPECT_EQ(read_safetensors(path).at("h").dtype(), DType::f16);
  const Safetensors read = read_safetensors(path, {.halves_as_f32 = true});
  const auto h = read.at("h").span<float>();
  EXPECT_EQ(h[0], 1.0f);
  EXPECT_EQ(h[1], -2.0f);
  EXPECT_EQ(h[2], 65504.0f);
  EXPECT_EQ(h[3], 0x1p-24f);
  EXPECT_EQ(h[4], 0.0f);
  EXPECT_TRUE(std::signbit(h[4]));
  EXPECT_EQ(h[5], std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(h[6]));
  EXPECT_EQ(read.at("b").span<float>()[0], 1.0f);
  EXPECT_EQ(read.at("b").span<float>()[1], -3.0f);
}

TEST(Safetensors, AHeaderThatLiesIsRefused) {
  expect_refused_header(
      "an overlap or a gap",
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
      "123456");
  expect_refused_header("an overlap or a gap",
                        R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})", "1234");
  expect_refused_header("wanted 2 bytes of data, found 4",
                        R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "1234");
  expect_refused_header("tensor a: wanted data within 4 bytes",
                        R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", "1234");
  expect_refused_header("from 0 to 2^62, found -4",
                        R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}})", "1234");
  expect_refused_header(
      "from 0 to 2^62, found 18446744073709551615",
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551615]}})", "1234");
  expect_refused_header("wanted data within",
                        R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", "1234");
  expect_refused_header("wanted 3 elements of 4 bytes",
                        R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,4]}})", "1234");
  expect_refused_header(
      "more than 2^62 elements",
      R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})");
  expect_refused_header("at most 5 extents",
                        R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1],"data_offsets":[0,1]}})", "1");
  expect_refused_header("found 'I16'", R"({"a":{"dtype":"I16","shape":[1],"data_offsets":[0,2]}})",
                        "12");
  expect_refused_header("wanted 'shape', found none",
                        R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", "1");
  expect_refused_header("wanted text for 'k', found number", R"({"__metadata__":{"k":1}})");
  expect_refused_header(
      "has 'a' twice",
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
      "12");
  expect_refused_header("not JSON at byte 2", "{oops");
  expect_refused_header("wanted an object, found array", "[]");
  expect_refused_header("nested deeper than 16", std::string(1000000, '['));
  expect_refused_header("tensor line\\x0abreak: ", "{\"line\\nbreak\":3}");
}

TEST(Safetensors, ALengthBeyondTheFileIsRefusedWithoutAllocatingIt) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write_bytes(path, std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F{}", 10));
  EXPECT_EQ(error_of([&] { read_safetensors(path); }),
            path.string() +
                ": safetensors: header claims 9223372036854775807 bytes, file has 10 and 16777216 "
                "are the limit");
  write_bytes(path, "1234");
  EXPECT_NE(error_of([&] { read_safetensors(path); }).find("found a file of 4"), std::string::npos);
  write_bytes(path, "");
  EXPECT_NE(error_of([&] { read_safetensors(path); }).find("found a file of 0"), std::string::npos);
}

TEST(Safetensors, OnlyRegularFilesAreOpened) {
  const TemporaryFolder folder;
  EXPECT_NE(error_of([&] {
              read_safetensors(folder / "none");
            }).find("none: could not be opened: No such file"),
            std::string::npos);
  EXPECT_NE(error_of([&] { read_safetensors(folder.path()); }).find("found a directory"),
            std::string::npos);
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(error_of([&] { read_safetensors(folder / "pipe"); }).find("found a pipe"),
            std::string::npos);
}

TEST(Safetensors, NamesThatCannotBeReadBackAreNotWritten) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  const Tensor one = Tensor::from<uint8_t>({1}, {1});
  EXPECT_NE(error_of([&] {
              write_safetensors(path, {{"a", one}, {"a", one}});
            }).find("found 'a' empty, repeated"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              write_safetensors(path, {{"", one}});
            }).find("found '' empty"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              write_safetensors(path, {{"\xFF", one}});
            }).find("not UTF-8"),
            std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, DamageGivesATensorFileOrAnError) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write_safetensors(
      path, {{"a", Tensor::from<float>({1, 2, 3}, {3})}, {"b", Tensor::from<int64_t>({4}, {})}},
      {{"k", "v"}});
  const std::string bytes = read_bytes(path);
  const int refused = count_refusals(folder / "damaged", bytes, 60, 400,
                                     [](const auto& p) { read_safetensors(p); });
  EXPECT_GE(refused, 60);  // every cut at least: the data has to fill the file
}

}  // namespace
}  // namespace sf
