#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "tensor/caffe2_names.h"
#include "tensor/checkpoint.h"
#include "tests/tensor/counter_values.h"
#include "tests/tensor/outside_files.h"
#include "tests/tensor/pickle_bytes.h"

namespace sf {
namespace {

using namespace pickled;

TEST(Caffe2Names, FollowTheRulesOfTheOriginal) {
  constexpr std::array<std::pair<const char*, const char*>, 43> kSamples{{
      {"nonlocal_conv3_1_theta_w", "s3.pathway0_nonlocal1.conv_theta.weight"},
      {"nonlocal_conv4_5_phi_b", "s4.pathway0_nonlocal5.conv_phi.bias"},
      {"nonlocal_conv4_3_g_w", "s4.pathway0_nonlocal3.conv_g.weight"},
      {"nonlocal_conv3_3_out_w", "s3.pathway0_nonlocal3.conv_out.weight"},
      {"nonlocal_conv3_3_out_b", "s3.pathway0_nonlocal3.conv_out.bias"},
      {"nonlocal_conv4_5_bn_s", "s4.pathway0_nonlocal5.bn.weight"},
      {"nonlocal_conv4_5_bn_b", "s4.pathway0_nonlocal5.bn.bias"},
      {"nonlocal_conv4_5_bn_rm", "s4.pathway0_nonlocal5.bn.running_mean"},
      {"nonlocal_conv4_5_bn_riv", "s4.pathway0_nonlocal5.bn.running_var"},
      {"t_pool1_subsample_w", "s1_fuse.conv_f2s.weight"},
      {"t_pool1_subsample_bn_s", "s1_fuse.bn.weight"},
      {"t_pool1_subsample_bn_riv", "s1_fuse.bn.running_var"},
      {"t_res3_2_branch2c_bn_subsample_bn_rm", "s3_fuse.bn.running_mean"},
      {"t_res4_5_branch2c_bn_subsample_bn_b", "s4_fuse.bn.bias"},
      {"t_res2_2_branch2c_bn_subsample_w", "s2_fuse.conv_f2s.weight"},
      {"res2_0_branch2a_w", "s2.pathway0_res0.branch2.a.weight"},
      {"res4_10_branch2c_w", "s4.pathway0_res10.branch2.c.weight"},
      {"res2_0_branch2a_bn_s", "s2.pathway0_res0.branch2.a_bn.weight"},
      {"res2_0_branch2b_bn_b", "s2.pathway0_res0.branch2.b_bn.bias"},
      {"res2_0_branch2c_bn_rm", "s2.pathway0_res0.branch2.c_bn.running_mean"},
      {"res2_0_branch2c_bn_riv", "s2.pathway0_res0.branch2.c_bn.running_var"},
      {"res2_0_branch1_w", "s2.pathway0_res0.branch1.weight"},
      {"res2_0_branch1_bn_s", "s2.pathway0_res0.branch1_bn.weight"},
      {"res_conv1_bn_s", "s1.pathway0_stem.bn.weight"},
      {"res_conv1_bn_riv", "s1.pathway0_stem.bn.running_var"},
      {"conv1_w", "s1.pathway0_stem.conv.weight"},
      {"res_conv1_w", "s1.pathway0_stem.conv.weight"},
      {"conv1_xy_w", "s1.pathway0_stem.conv_xy.weight"},
      {"t_conv1_w", "s1.pathway1_stem.conv.weight"},
      {"t_res_conv1_w", "s1.pathway1_stem.conv.weight"},
      {"t_res_conv1_bn_rm", "s1.pathway1_stem.bn.running_mean"},
      {"t_res5_2_branch2b_w", "s5.pathway1_res2.branch2.b.weight"},
      {"t_res5_0_branch1_bn_b", "s5.pathway1_res0.branch1_bn.bias"},
      {"t_res5_0_branch1_w", "s5.pathway1_res0.branch1.weight"},
      {"pred_w", "head.projection.weight"},
      {"pred_b", "head.projection.bias"},
      {"conv_5_w", "head.conv_5.weight"},
      {"conv_5_bn_s", "head.conv_5_bn.weight"},
      {"lin_5_w", "head.lin_5.weight"},
      // Later rules act on what former ones made: "b_bn_fc" meets the block's new name.
      {"res2_0_branch2b_bn_fc1_w", "s2.pathway0_res0.branch2.se.fc1.weight"},
      {"res2_0_branch2b_bn_fc2_b", "s2.pathway0_res0.branch2.se.fc2.bias"},
      {"conv1_w_momentum", "s1.pathway0_stem.conv.w_momentum"},
      {"something_else", "something_else"},
  }};
  for (const auto& [blob, name] : kSamples) EXPECT_EQ(name_from_caffe2(blob), name) << blob;
}

TEST(Caffe2Names, OfAnyLengthAreAnsweredWithoutDeepRecursion) {
  EXPECT_EQ(error_of([] { name_from_caffe2(std::string(1000000, 'a')); }),
            "wanted a blob name of at most 256 characters, found 1000000");
  EXPECT_EQ(name_from_caffe2(std::string(256, 'a')), std::string(256, 'a'));
}

TEST(Caffe2Names, SolverStateIsToldFromWeights) {
  for (const char* blob : {"lr", "model_iter", "conv1_w_momentum"})
    EXPECT_TRUE(is_caffe2_solver_state(blob)) << blob;
  for (const char* blob : {"conv1_w", "pred_b", "nonlocal_conv3_1_g_w"})
    EXPECT_FALSE(is_caffe2_solver_state(blob)) << blob;
}

TEST(Caffe2Files, EveryValueOfAPython2PickleIsRead) {
  const Checkpoint checkpoint = load_checkpoint(golden("i3d_nln_r50/checkpoint_caffe2.pkl"));
  EXPECT_EQ(checkpoint.format, "Caffe2 pickle");
  EXPECT_EQ(checkpoint.epoch, std::nullopt);
  ASSERT_EQ(checkpoint.tensors.size(), 327u);
  for (const auto& [name, tensor] : checkpoint.tensors) expect_counter_values(name, tensor);
  EXPECT_EQ(checkpoint.text.at("config"), "MODEL: {}\n");
}

TEST(Caffe2Files, EveryValueOfAPython3PickleIsRead) {
  const Checkpoint checkpoint = load_checkpoint(golden("slow_r50/checkpoint_caffe2_py3.pkl"));
  EXPECT_EQ(checkpoint.format, "Caffe2 pickle");
  ASSERT_EQ(checkpoint.tensors.size(),
            267u);  // the 320 of the network without 53 num_batches_tracked
  for (const auto& [name, tensor] : checkpoint.tensors) expect_counter_values(name, tensor);
}

class Caffe2Pickle : public testing::Test {
 protected:
  Checkpoint load(const std::string& object) {
    write_bytes(path_, whole(object));
    return load_checkpoint(path_);
  }
  Tensor blob(const std::string& value) {
    return load(dict({{bytes("blobs"), dict({{bytes("x"), value}})}})).tensors.at(0).second;
  }
  void expect_refusal(std::string_view wanted, const std::string& object) {
    const std::string error = error_of([&] { load(object); });
    EXPECT_NE(error.find(wanted), std::string::npos)
        << "wanted: " << wanted << "\nfound:  " << error;
  }
  void expect_blob_refusal(std::string_view wanted, const std::string& value) {
    expect_refusal(cat("blob x: ", wanted), dict({{bytes("blobs"), dict({{bytes("x"), value}})}}));
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "file";
};

TEST_F(Caffe2Pickle, ArraysOfBothOrdersAndEndsAreRead) {
  const std::string data("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0", 24);
  const auto values = [](const Tensor& tensor) {
    const auto span = tensor.span<int32_t>();
    return std::vector<int32_t>(span.begin(), span.end());
  };
  const Tensor rows = blob(array("i4", "<", {integer(2), integer(3)}, false, data));
  EXPECT_EQ(rows.shape(), (Shape{2, 3}));
  EXPECT_EQ(values(rows), (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
  const Tensor columns = blob(array("i4", "<", {integer(2), integer(3)}, true, data));
  EXPECT_EQ(values(columns), (std::vector<int32_t>{1, 3, 5, 2, 4, 6}));
  const Tensor big = blob(array("i4", ">", {integer(6)}, false, data));
  EXPECT_EQ(values(big)[1], 2 << 24);
  EXPECT_EQ(blob(array("u1", "|", {integer(24)}, false, data)).dtype(), DType::u8);
  EXPECT_EQ(blob(array("b1", "|", {integer(24)}, false, data)).dtype(), DType::u8);
  EXPECT_EQ(blob(array("f2", "<", {integer(12)}, false, data)).dtype(), DType::f16);
  EXPECT_EQ(blob(array("i8", "<", {integer(3)}, false, data)).span<int64_t>()[0],
            1 + (int64_t{2} << 32));
}

TEST_F(Caffe2Pickle, ScalarsAndProtocol5BuffersAreRead) {
  const std::string dtype =
      call(global("numpy", "dtype"), tuple({bytes("f8"), integer(0), integer(1)}));
  const std::string one("\0\0\0\0\0\0\xF0\x3F", 8);
  const Tensor scalar =
      blob(call(global("numpy._core.multiarray", "scalar"), tuple({dtype, bytes(one)})));
  EXPECT_EQ(scalar.shape(), Shape{});
  EXPECT_EQ(scalar.span<double>()[0], 1.0);
  const Tensor buffer =
      blob(call(global("numpy.core.numeric", "_frombuffer"),
                tuple({bytes(one + one), dtype, tuple({integer(1), integer(2)}), text("C")})));
  EXPECT_EQ(buffer.shape(), (Shape{1, 2}));
  EXPECT_EQ(buffer.span<double>()[1], 1.0);
}

// Small bytes are decoded with the pickle, large ones with their array.
TEST_F(Caffe2Pickle, ArraysSpelledAsTextAreRead) {
  for (const size_t size : {9u, 30000u, 300000u}) {
    std::string data;
    for (size_t i = 0; i < size; ++i) data += char(i * 167 ^ i >> 9);
    const Tensor tensor = blob(array_of("u1", "|", {integer(int64_t(size))}, false, encoded(data)));
    ASSERT_EQ(tensor.shape(), Shape{int64_t(size)});
    EXPECT_EQ(std::memcmp(tensor.data(), data.data(), size), 0) << size;
  }
  const std::string large(100000, '\xE9');
  expect_blob_refusal("wanted 3 elements of 4 bytes, found 100000 bytes",
                      array_of("f4", "<", {integer(3)}, false, encoded(large)));
  expect_blob_refusal("wanted 30000 elements of 4 bytes, found 100000 bytes",
                      array_of("f4", "<", {integer(300), integer(100)}, false, encoded(large)));
  expect_blob_refusal("wanted 24999 elements of 4 bytes, found 100000 bytes",
                      array_of("f4", "<", {integer(641), integer(39)}, false, encoded(large)));
  expect_blob_refusal(
      "wanted 1099511627776 elements of 4 bytes, found 100000 bytes",
      array_of("f4", "<", {integer(1 << 20), integer(1 << 20)}, false, encoded(large)));
  // Absurd in its parts only.
  expect_blob_refusal(
      "wanted 0 elements of 4 bytes, found 100000 bytes",
      array_of("f4", "<", {integer(int64_t{1} << 40), integer(0)}, false, encoded(large)));
  const std::string chinese =
      cat("c_codecs\nencode\n(", text(utf8(large) + "\xE4\xB8\xAD"), text("latin1"), "tR");
  expect_blob_refusal("pickle: _codecs.encode: a character that Latin-1 does not have",
                      array_of("u1", "|", {integer(100001)}, false, chinese));
  EXPECT_EQ(
      load(dict({{bytes("blobs"), dict({})}, {bytes("cfg"), encoded(large)}})).text.at("config"),
      utf8(large));
}

TEST_F(Caffe2Pickle, ArraysSpelledAsTextAreThoseSpelledAsBytes) {
  std::string data;
  for (size_t i = 0; i < 144000; ++i) data += char(i * 167 ^ i >> 9);
  const Items conv{integer(20), integer(40), integer(5), integer(3), integer(3)};
  for (const char* order : {"<", ">"})
    for (const bool column_major : {false, true})
      for (const auto& sizes : {conv, Items{integer(36000)}, Items{integer(4), integer(9000)},
                                Items{integer(9000), integer(4)}, Items{integer(1), integer(36000)},
                                Items{integer(20), integer(40), integer(45)}}) {
        SCOPED_TRACE(cat(sizes.size(), " axes, ", order, column_major ? ", column-major" : ""));
        const Tensor text = blob(array_of("i4", order, sizes, column_major, encoded(data)));
        const Tensor plain = blob(array("i4", order, sizes, column_major, data));
        ASSERT_EQ(text.shape(), plain.shape());
        ASSERT_EQ(std::memcmp(text.data(), plain.data(), data.size()), 0);
      }
}

TEST_F(Caffe2Pickle, SolverStateIsLeftOut) {
  const std::string one = array("u1", "|", {integer(1)}, false, "1");
  const Checkpoint read = load(dict({{bytes("blobs"), dict({{bytes("conv1_w"), one},
                                                            {bytes("conv1_w_momentum"), one},
                                                            {bytes("lr"), integer(1)}})}}));
  ASSERT_EQ(read.tensors.size(), 1u);
  EXPECT_EQ(read.tensors[0].first, "s1.pathway0_stem.conv.weight");
}

TEST_F(Caffe2Pickle, ArraysThatLieAreRefused) {
  expect_blob_refusal("wanted 3 elements of 4 bytes, found 8 bytes",
                      array("f4", "<", {integer(3)}, false, "12345678"));
  expect_blob_refusal("shape: wanted extents of 0 or more, found -2",
                      array("f4", "<", {integer(-2)}, false, "12345678"));
  expect_blob_refusal(
      "shape: more than 2^62",
      array("f4", "<", {integer(INT64_MAX), integer(INT64_MAX)}, false, "12345678"));
  expect_blob_refusal("wanted a numpy array of f2, f4",
                      array("O8", "|", {integer(1)}, false, "12345678"));
  expect_blob_refusal("wanted a numpy array, found int", integer(1));
  expect_blob_refusal("wanted a numpy array with its state, found none",
                      call(global("numpy.core.multiarray", "_reconstruct"), tuple({integer(1)})));
  const std::string one = array("u1", "|", {integer(1)}, false, "1");
  expect_refusal(
      "blob res_conv1_w: becomes s1.pathway0_stem.conv.weight, as does blob conv1_w",
      dict({{bytes("blobs"), dict({{bytes("conv1_w"), one}, {bytes("res_conv1_w"), one}})}}));
  expect_refusal("wanted a dict with 'blobs', found list", list({integer(1)}));
  expect_refusal("wanted a dict with a dict 'blobs', found none", dict({{bytes("a"), integer(1)}}));
  expect_refusal("refuses global os.system", call(global("os", "system"), tuple({bytes("true")})));
}

TEST_F(Caffe2Pickle, DamageGivesACheckpointOrAnError) {
  const auto read = [](const auto& path) { load_checkpoint(path); };
  const std::string small = whole(
      dict({{bytes("blobs"),
             dict({{bytes("conv1_w"), array("f4", "<", {integer(2)}, false, "12345678")}})}}));
  EXPECT_GE(count_refusals(folder_ / "damaged", small, 100, 1500, read), 100);
  EXPECT_GE(count_refusals(folder_ / "damaged",
                           read_bytes(golden("i3d_nln_r50/checkpoint_caffe2.pkl")), 5, 10, read),
            5);
}

}  // namespace
}  // namespace sf
