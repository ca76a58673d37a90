#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/checkpoint.h"
#include "tests/tensor/counter_values.h"
#include "tests/tensor/outside_files.h"
#include "tests/tensor/pickle_bytes.h"
#include "tests/tensor/zip_bytes.h"

namespace sf {
namespace {

using namespace pickled;

std::string floats(std::initializer_list<float> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(float)};
}

// Two floats under key "0" as tensor `name`.
std::string two_floats() {
  return tensor(storage("FloatStorage", "0", 2), 0, {integer(2)}, {integer(1)});
}

std::vector<float> values_of(const Tensor& tensor) {
  const auto span = tensor.span<float>();
  return {span.begin(), span.end()};
}

void expect_slow_r50(const Checkpoint& checkpoint) {
  EXPECT_EQ(checkpoint.epoch, 7);
  ASSERT_EQ(checkpoint.tensors.size(), 320u);
  for (const auto& [name, tensor] : checkpoint.tensors) expect_counter_values(name, tensor);
  EXPECT_EQ(checkpoint.tensors[0].first, "s1.pathway0_stem.conv.weight");
  EXPECT_EQ(checkpoint.tensors[0].second.shape(), (Shape{8, 1, 7, 7, 3}));
  EXPECT_TRUE(checkpoint.optimizer.empty());
  EXPECT_NE(checkpoint.text.at("config").find("WIDTH_PER_GROUP: 8\n"), std::string::npos);
  EXPECT_NE(checkpoint.text.at("param_groups").find(R"("begin":106)"), std::string::npos);
  EXPECT_NE(checkpoint.text.at("param_groups").find(R"("momentum":0.9)"), std::string::npos);
}

TEST(PyTorchFiles, EveryValueOfAZipCheckpointIsRead) {
  const Checkpoint checkpoint = load_checkpoint(golden("slow_r50/checkpoint.pyth"));
  EXPECT_EQ(checkpoint.format, "PyTorch zip");
  expect_slow_r50(checkpoint);
}

TEST(PyTorchFiles, EveryValueOfAStreamCheckpointIsRead) {
  const Checkpoint checkpoint = load_checkpoint(golden("slow_r50/checkpoint_legacy.pyth"));
  EXPECT_EQ(checkpoint.format, "PyTorch stream");
  expect_slow_r50(checkpoint);
}

class PyTorchZip : public testing::Test {
 protected:
  Checkpoint load(const std::string& object, const ZipContents& storages,
                  const ZipSettings& settings = {}) {
    ZipContents contents{{"archive/data.pkl", whole(object)}};
    for (const auto& [name, data] : storages) contents.emplace_back("archive/" + name, data);
    write_zip(path_, contents, settings);
    return load_checkpoint(path_);
  }
  void expect_refusal(std::string_view wanted, const std::string& object,
                      const ZipContents& storages, const ZipSettings& settings = {}) {
    const std::string error = error_of([&] { load(object, storages, settings); });
    EXPECT_NE(error.find(wanted), std::string::npos)
        << "wanted: " << wanted << "\nfound:  " << error;
    EXPECT_TRUE(error.starts_with(path_.string() + ": ")) << error;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "file";
};

TEST_F(PyTorchZip, StridesAndOffsetsSelectElements) {
  const std::string s = storage("FloatStorage", "0", 7);
  const ZipContents data{{"data/0", floats({0, 1, 2, 3, 4, 5, 6})}};
  const auto view = [&](int64_t offset, std::initializer_list<std::string> sizes,
                        std::initializer_list<std::string> strides) {
    return values_of(
        load(dict({{text("w"), tensor(s, offset, sizes, strides)}}), data).tensors[0].second);
  };
  const auto i = [](int64_t n) { return integer(n); };
  EXPECT_EQ(view(1, {i(2), i(3)}, {i(3), i(1)}), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(view(1, {i(3), i(2)}, {i(1), i(3)}),
            (std::vector<float>{1, 4, 2, 5, 3, 6}));  // transposed
  EXPECT_EQ(view(0, {i(3)}, {i(3)}), (std::vector<float>{0, 3, 6}));
  EXPECT_EQ(view(5, {i(4)}, {i(0)}), (std::vector<float>{5, 5, 5, 5}));  // expanded
  EXPECT_EQ(view(6, {}, {}), (std::vector<float>{6}));
  EXPECT_EQ(view(100, {i(0)}, {i(1)}), std::vector<float>{});
  EXPECT_EQ(view(0, {i(1), i(2), i(1), i(1), i(3)}, {i(6), i(3), i(3), i(3), i(1)}),
            (std::vector<float>{0, 3, 1, 4, 2, 5}));  // channels-last
}

TEST_F(PyTorchZip, BigEndianStoragesAreTurned) {
  const std::string data("\x3F\x80\0\0\xC0\0\0\0", 8);  // 1, -2
  const auto load_as = [&](const std::string& order) {
    return values_of(
        load(dict({{text("w"), two_floats()}}), {{"byteorder", order}, {"data/0", data}})
            .tensors[0]
            .second);
  };
  EXPECT_EQ(load_as("big"), (std::vector<float>{1, -2}));
  EXPECT_NE(load_as("little"), (std::vector<float>{1, -2}));
  EXPECT_NE(
      error_of([&] { load_as("middle"); }).find("wanted byteorder little or big, found middle"),
      std::string::npos);
}

TEST_F(PyTorchZip, EveryElementTypeOfTheEngineIsRead) {
  const std::string eight(8, '\1');
  const std::vector<std::tuple<const char*, DType, int64_t>> types{
      {"FloatStorage", DType::f32, 2}, {"DoubleStorage", DType::f64, 1},
      {"HalfStorage", DType::f16, 4},  {"BFloat16Storage", DType::bf16, 4},
      {"LongStorage", DType::i64, 1},  {"IntStorage", DType::i32, 2},
      {"ByteStorage", DType::u8, 8},   {"BoolStorage", DType::u8, 8}};
  for (const auto& [type, dtype, count] : types) {
    const auto w = tensor(storage(type, "0", count), 0, {integer(count)}, {integer(1)});
    const Checkpoint read = load(dict({{text("w"), w}}), {{"data/0", eight}});
    EXPECT_EQ(read.tensors[0].second.type(), (TensorType{Shape{count}, dtype})) << type;
    EXPECT_EQ(std::memcmp(read.tensors[0].second.data(), eight.data(), 8), 0) << type;
  }
  expect_refusal(
      "tensor w: wanted elements of float",
      dict({{text("w"), tensor(storage("ShortStorage", "0", 4), 0, {integer(4)}, {integer(1)})}}),
      {{"data/0", eight}});
}

TEST_F(PyTorchZip, TheTensorsMayBeWrapped) {
  const ZipContents data{{"data/0", floats({1, 2})}};
  for (const char* wrapper : {"model_state", "state_dict", "model"}) {
    const Checkpoint read = load(dict({{text(wrapper), dict({{text("a.weight"), two_floats()}})},
                                       {text("epoch"), integer(3)},
                                       {text("best"), list({integer(1), none()})},
                                       {text("cfg"), text("A: 1\n")}}),
                                 data);
    ASSERT_EQ(read.tensors.size(), 1u) << wrapper;
    EXPECT_EQ(read.tensors[0].first, "a.weight");
    EXPECT_EQ(read.epoch, 3);
    EXPECT_EQ(read.text,
              (std::map<std::string, std::string>{{"best", "[1,null]"}, {"config", "A: 1\n"}}));
  }
  const std::string parameter = call(global("torch._utils", "_rebuild_parameter"),
                                     tuple({two_floats(), boolean(true), none()}));
  const Checkpoint parallel =
      load(dict({{text("module.a"), parameter}, {text("module.b"), two_floats()}}), data);
  EXPECT_EQ(parallel.tensors[0].first, "a");
  EXPECT_EQ(parallel.tensors[1].first, "b");
  const Checkpoint mixed =
      load(dict({{text("module.a"), two_floats()}, {text("b"), two_floats()}}), data);
  EXPECT_EQ(mixed.tensors[0].first, "module.a");
}

// The state of a parameter, and a group of some, as PyTorch's optimizers write them.
std::pair<std::string, std::string> state_of(int64_t id) {
  return {integer(id),
          dict({{text("momentum_buffer"), two_floats()}, {text("step"), integer(id)}})};
}
std::string group_of(std::initializer_list<std::string> ids) {
  return dict({{text("nesterov"), boolean(true)}, {text("params"), list(ids)}});
}
std::string with_optimizer(const std::string& state, const std::string& groups) {
  return dict(
      {{text("model_state"), dict({{text("a"), two_floats()}})},
       {text("optimizer_state"), dict({{text("state"), state}, {text("param_groups"), groups}})}});
}

TEST_F(PyTorchZip, OptimizerStateIsNamedByThePlaceOfItsParameter) {
  // Ids as old versions wrote them: addresses.
  const Checkpoint read = load(
      with_optimizer(dict({state_of(9000), state_of(7000)}),
                     list({group_of({integer(7000), integer(8000)}), group_of({integer(9000)})})),
      {{"data/0", floats({1, 2})}});
  ASSERT_EQ(read.optimizer.size(), 4u);
  EXPECT_EQ(read.optimizer[0].first, "2.momentum_buffer");
  EXPECT_EQ(values_of(read.optimizer[0].second), (std::vector<float>{1, 2}));
  EXPECT_EQ(read.optimizer[1].first, "2.step");
  EXPECT_EQ(read.optimizer[1].second.span<int64_t>()[0], 9000);
  EXPECT_EQ(read.optimizer[2].first, "0.momentum_buffer");
  EXPECT_EQ(read.text.at("param_groups"),
            R"([{"begin":0,"end":2,"nesterov":true},{"begin":2,"end":3,"nesterov":true}])");
}

TEST_F(PyTorchZip, OptimizerStateThatFitsNoParameterIsRefused) {
  const ZipContents data{{"data/0", floats({1, 2})}};
  expect_refusal("optimizer: parameter 1 is in no group",
                 with_optimizer(dict({state_of(1)}), list({group_of({integer(0)})})), data);
  expect_refusal("optimizer: parameter 0 is in no group or has two states",
                 with_optimizer(dict({state_of(0), state_of(0)}), list({group_of({integer(0)})})),
                 data);
  expect_refusal("optimizer: parameter 0 is in two places",
                 with_optimizer(dict({}), list({group_of({integer(0), integer(0)})})), data);
  expect_refusal("optimizer: group 0: wanted a dict, found int",
                 with_optimizer(dict({}), list({integer(1)})), data);
  expect_refusal("optimizer: group 0: wanted 'params', found none",
                 with_optimizer(dict({}), list({dict({})})), data);
  const std::string beyond = tensor(storage("FloatStorage", "0", 2), 1, {integer(2)}, {integer(1)});
  expect_refusal("optimizer tensor 0.momentum_buffer: elements reach beyond the 2",
                 with_optimizer(dict({{integer(0), dict({{text("momentum_buffer"), beyond}})}}),
                                list({group_of({integer(0)})})),
                 data);
}

TEST_F(PyTorchZip, DeflatedEntriesAreRead) {
  const Checkpoint read =
      load(dict({{text("w"), two_floats()}}), {{"data/0", floats({1, 2})}}, {.deflate = true});
  EXPECT_EQ(values_of(read.tensors[0].second), (std::vector<float>{1, 2}));
}

TEST_F(PyTorchZip, ViewsBeyondTheirStorageAreRefused) {
  const ZipContents data{{"data/0", floats({1, 2})}};
  const auto refused = [&](std::string_view wanted, int64_t elements, int64_t offset,
                           std::initializer_list<std::string> sizes,
                           std::initializer_list<std::string> strides) {
    expect_refusal(
        wanted,
        dict({{text("w"), tensor(storage("FloatStorage", "0", elements), offset, sizes, strides)}}),
        data);
  };
  const auto i = [](int64_t n) { return integer(n); };
  refused("tensor w: elements reach beyond the 2", 2, 0, {i(3)}, {i(1)});
  refused("tensor w: elements reach beyond the 2", 2, 2, {}, {});
  refused("tensor w: elements reach beyond the 2", 2, INT64_MAX, {i(2)}, {i(1)});
  refused("tensor w: elements reach beyond the 2", 2, 0, {i(2), i(2)},
          {i(INT64_MAX), i(INT64_MAX)});
  refused("tensor w: wanted an offset of 0 or more, found -1", 2, -1, {i(1)}, {i(1)});
  refused("tensor w: wanted strides of 0 or more, found -1", 2, 1, {i(2)}, {i(-1)});
  refused("tensor w: shape: wanted extents of 0 or more, found -2", 2, 0, {i(-2)}, {i(1)});
  refused("tensor w: shape: more than 2^62", 2, 0, {i(INT64_MAX), i(INT64_MAX)}, {i(0), i(0)});
  refused("tensor w: wanted a stride for each of 2 axes, found 1", 2, 0, {i(1), i(1)}, {i(1)});
  refused("tensor w: shape: wanted at most 5", 2, 0, {i(1), i(1), i(1), i(1), i(1), i(1)},
          {i(1), i(1), i(1), i(1), i(1), i(1)});
  refused("tensor w: wanted a storage of 12 bytes, found 8", 3, 0, {i(1)}, {i(1)});
  refused("tensor w: wanted a storage of 0 or more elements, found -1", -1, 0, {i(1)}, {i(1)});
  refused("bytes more than a file of this size may give", 2, 0, {i(1000000)}, {i(0)});
}

TEST_F(PyTorchZip, ObjectsThatAreNoCheckpointAreRefused) {
  const ZipContents none_at_all;
  expect_refusal("wanted a dict of tensors, found list", list({integer(1)}), none_at_all);
  expect_refusal("wanted tensors, or a dict of them", dict({{text("a"), integer(1)}}), none_at_all);
  expect_refusal("tensor w: zip: wanted an entry archive/data/0, found none",
                 dict({{text("w"), two_floats()}}), none_at_all);
  expect_refusal("refuses global os.system", call(global("os", "system"), tuple({text("true")})),
                 none_at_all);
  expect_refusal("tensor w: found twice",
                 dict({{text("w"), two_floats()}, {text("w"), two_floats()}}),
                 {{"data/0", floats({1, 2})}});
  write_zip(path_, {{"word/document.xml", "<a/>"}});
  EXPECT_EQ(
      error_of([&] { load_checkpoint(path_); }),
      path_.string() + ": zip: wanted the data.pkl of a PyTorch file among 1 entries, found none");
  write_zip(path_, {{"a/data.pkl", "N."}, {"b/data.pkl", "N."}});
  EXPECT_EQ(error_of([&] { load_checkpoint(path_); }),
            path_.string() + ": zip: wanted one data.pkl, found a/data.pkl and b/data.pkl");
}

TEST_F(PyTorchZip, EncryptedEntriesAreRefused) {
  expect_refusal("zip: entry archive/data/0: wanted plain data, found it encrypted",
                 dict({{text("w"), two_floats()}}), {{"data/0", floats({1, 2})}},
                 {.encrypted = "archive/data/0"});
}

TEST_F(PyTorchZip, CompressedBombsAreRefused) {
  expect_refusal("zip: entry archive/data/0: entries claim more than",
                 dict({{text("w"), two_floats()}}), {{"data/0", std::string(16 << 20, '\0')}},
                 {.deflate = true});
}

TEST_F(PyTorchZip, SizesThatLieAreRefused) {
  load(dict({{text("w"), two_floats()}}), {{"data/0", floats({1, 2})}});
  const std::string bytes = read_bytes(path_);
  // In the central directory the sizes are 22 (stored) and 18 (unpacked) bytes before the name, in
  // the local header 12 and 8.
  const std::string_view name = "archive/data/0";
  const size_t local = bytes.find(name);
  const size_t central = bytes.rfind(name);
  ASSERT_NE(local, central);
  for (const uint32_t lie : {0u, 4u, 9u, 1000u, 0x7FFFFFFFu, 0xFFFFFFFEu, 0xFFFFFFFFu}) {
    for (const bool both : {false, true}) {
      std::string damaged = bytes;
      std::memcpy(damaged.data() + central - 22, &lie, 4);
      if (both) std::memcpy(damaged.data() + central - 26, &lie, 4);
      if (both) std::memcpy(damaged.data() + local - 8, &lie, 4);
      if (both) std::memcpy(damaged.data() + local - 12, &lie, 4);
      write_bytes(path_, damaged);
      EXPECT_NE(error_of([&] { load_checkpoint(path_); }), "") << lie << " " << both;
    }
  }
}

TEST_F(PyTorchZip, AnIndexThatLiesIsRefused) {
  load(dict({{text("w"), two_floats()}}), {{"data/0", floats({1, 2})}});
  const std::string bytes = read_bytes(path_);
  // Offsets in the record that ends the archive: entries on this disk and in all (2 bytes each),
  // size and place of the directory.
  const size_t end = bytes.rfind("PK\5\6");
  ASSERT_NE(end, std::string::npos);
  for (const uint32_t lie : {0u, 1u, 0xFFFEu, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    for (const size_t at : {8, 10, 12, 16}) {
      std::string damaged = bytes;
      std::memcpy(damaged.data() + end + at, &lie, at < 12 ? 2 : 4);
      write_bytes(path_, damaged);
      EXPECT_NE(error_of([&] { load_checkpoint(path_); }), "") << lie << " at " << at;
    }
  }
}

TEST_F(PyTorchZip, AFlippedBitInAStorageIsReported) {
  std::string bytes = read_bytes(golden("slow_r50/checkpoint.pyth"));
  bytes[bytes.size() / 2] = char(bytes[bytes.size() / 2] ^ 4);
  write_bytes(path_, bytes);
  const std::string error = error_of([&] { load_checkpoint(path_); });
  EXPECT_NE(error.find("CRC error"), std::string::npos) << error;
  EXPECT_NE(error.find(": tensor s"), std::string::npos) << error;
}

TEST_F(PyTorchZip, DamageGivesACheckpointOrAnError) {
  load(
      dict({{text("model_state"), dict({{text("w"), two_floats()}})}, {text("epoch"), integer(1)}}),
      {{"data/0", floats({1, 2})}, {"version", "3\n"}});
  const auto read = [](const auto& path) { load_checkpoint(path); };
  const int refused = count_refusals(folder_ / "damaged", read_bytes(path_), 100, 1500, read);
  EXPECT_GE(refused, 100);  // the directory is at the end: no cut file is whole
  EXPECT_GE(count_refusals(folder_ / "damaged", read_bytes(golden("slow_r50/checkpoint.pyth")), 5,
                           15, read),
            15);
}

class PyTorchStream : public testing::Test {
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

  std::string object_ = dict({{text("w"), two_floats()}});
  std::string keys_ = list({text("0")});
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "file";
};

TEST_F(PyTorchStream, AStreamIsReadAndEveryCutOfItRefused) {
  const std::string bytes = stream(object_, keys_, le(2, 8) + floats({3, 4}));
  write_bytes(path_, bytes);
  EXPECT_EQ(values_of(load_checkpoint(path_).tensors[0].second), (std::vector<float>{3, 4}));
  for (size_t length = 0; length < bytes.size(); ++length)
    ASSERT_NE(refusal_of(bytes.substr(0, length)), "") << length;
}

TEST_F(PyTorchStream, StoragesThatLieAreRefused) {
  expect_refusal("storage 0: wanted 2 elements, found 3",
                 stream(object_, keys_, le(3, 8) + floats({3, 4, 5})));
  expect_refusal("storage 0: wanted 2 elements, found -1",
                 stream(object_, keys_, le(~uint64_t{0}, 8)));
  expect_refusal("storage 1: nothing refers to it",
                 stream(object_, list({text("1")}), le(2, 8) + floats({3, 4})));
  expect_refusal("tensor w: storage 0: not in the file", stream(object_, list({}), ""));
  expect_refusal("wanted a list of storage keys, found int", stream(object_, integer(1), ""));
  const auto huge =
      tensor(storage("FloatStorage", "0", int64_t{1} << 55), 0, {integer(2)}, {integer(1)});
  expect_refusal(
      "storage 0: wanted 144115188075855872 bytes, found 8",
      stream(dict({{text("w"), huge}}), keys_, le(uint64_t{1} << 55, 8) + floats({3, 4})));
  const auto other = tensor(storage("DoubleStorage", "0", 2), 0, {integer(2)}, {integer(1)});
  expect_refusal("storage 0: referred to with two sizes or types",
                 stream(dict({{text("w"), two_floats()}, {text("v"), other}}), keys_, ""));
  std::string newer = stream(object_, keys_, "");
  newer.replace(newer.find(le(1001, 8)), 8, le(1002, 8));
  expect_refusal("wanted PyTorch stream protocol 1001, found 1002", newer);
}

TEST_F(PyTorchStream, DamageGivesACheckpointOrAnError) {
  const auto read = [](const auto& path) { load_checkpoint(path); };
  const std::string small = stream(object_, keys_, le(2, 8) + floats({3, 4}));
  EXPECT_GE(count_refusals(folder_ / "damaged", small, 100, 1500, read), 100);
  EXPECT_GE(count_refusals(folder_ / "damaged",
                           read_bytes(golden("slow_r50/checkpoint_legacy.pyth")), 5, 15, read),
            5);
}

}  // namespace
}  // namespace sf
